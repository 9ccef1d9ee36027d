"""The worst requests and files that we can think of, beside a client that asks well.

``attacks`` is the table of attackers, each a process of its own; ``client`` is the good client,
another one; ``measure`` runs both against a service and says what the good client saw.
``PYTHONPATH=tests python -m attackers [NAME ...]`` prints the figures.
"""
