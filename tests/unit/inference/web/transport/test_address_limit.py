"""The number of connections of one client address."""

from __future__ import annotations

from inference.web.transport.address_limit import AddressLimit


def test_addresses_are_limited_each_by_itself() -> None:
    addresses = AddressLimit(2)
    assert [addresses.enter("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert addresses.enter("10.0.0.2")
    addresses.leave("10.0.0.1")
    addresses.leave("10.0.0.1")
    assert addresses.enter("10.0.0.1")
    assert not any(not addresses.enter(None) for _ in range(9))


def test_a_network_of_ipv6_is_one_client() -> None:
    addresses = AddressLimit(1)
    assert addresses.enter("2001:db8::1")
    assert not addresses.enter("2001:db8::2")
    assert addresses.enter("2001:db8:0:1::1")
    assert addresses.enter("::ffff:10.0.0.1")
    assert not addresses.enter("::ffff:10.0.0.1")
    assert addresses.enter("::ffff:10.0.0.2")
