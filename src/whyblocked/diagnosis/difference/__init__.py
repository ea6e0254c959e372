"""What is different between two snapshots, which answers that changes, and which of the differences do it.

trees.py      a resource with its lists as mappings, so that order does not matter; what is noise
facts.py      all resources of a snapshot as trees, and accounts that lie between two snapshots
comparing.py  two sets of facts -> changes, each of which can be made by itself
wording.py    a change in words
blaming.py    the smallest set of changes that turns one answer into another
telling.py    all of it as data
"""
