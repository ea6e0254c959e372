"""The reference evaluator beyond the VPC: what :mod:`tests.oracle.walk` calls unknown, one module a component.

walk        `Crossing`, the walk with everything; `outcomes` of a question about one packet, one a choice that AWS makes
transit, vpn, nat, endpoints, firewall     what each of them does to one packet (facts 4.2, 4.4 to 4.7)
balancers   the two connections of a load balancer (facts 4.8)
build, services     accounts put together by name; scenes: random ones a step away from working, and what to ask

Written from the facts and not from the product.
"""
