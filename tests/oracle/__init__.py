"""A slow, simple second opinion: one packet at a time over raw AWS JSON.

Written from the facts and not from the product.

evaluator   `evaluate(snapshot, source, destination, protocol, ...)` -> Outcome, for one packet and its reply
walk        how a packet travels; rules, routing and snapshot are what it looks up
accounts    `random_account(rng)`, the strategy `accounts()`, `minimise`, `write_snapshot`
questions   `random_question(rng, account)`, `sample_packets`, and `answer` for a whole question
shapes      rows as the AWS CLI prints them; world: the account of the hand-made cases
crossing    the same for transit gateways, VPN, NAT of every kind, endpoints, firewalls and load balancers
"""
