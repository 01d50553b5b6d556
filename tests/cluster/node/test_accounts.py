from __future__ import annotations

from cluster.node.accounts import AOF, RDB, Accounts
from tests.cluster.node.single import Single


def test_what_a_child_tells_is_shown_until_it_ends() -> None:
    single = Single()
    accounts = Accounts(single.world)
    account = accounts.open(keys_total=200)
    assert accounts.info_fields()["current_save_keys_total"] == 200
    assert accounts.info_fields()["current_cow_size_age"] == 0
    account.told(50, 4096)
    account.told(100, 1024)
    single.simulation.run_for(2500)
    assert accounts.info_fields() == {
        "current_cow_peak": 4096,
        "current_cow_size": 1024,
        "current_cow_size_age": 2,
        "current_fork_perc": "50.00",
        "current_save_keys_processed": 100,
        "current_save_keys_total": 200,
        "rdb_last_cow_size": 0,
        "aof_last_cow_size": 0,
    }
    accounts.close(account, RDB)
    accounts.close(account, AOF)
    assert accounts.info_fields() == {"rdb_last_cow_size": 1024, "aof_last_cow_size": 0}


def test_of_two_children_the_later_is_shown() -> None:
    accounts = Accounts(Single().world)
    first, second = accounts.open(1), accounts.open(2)
    first.count(1)
    assert first.keys_done == 1
    assert accounts.info_fields()["current_save_keys_total"] == 2
    accounts.close(second, AOF)
    assert accounts.info_fields()["current_save_keys_total"] == 1
