# Copyright (c) DKSAN-MM contributors.
from dksan_mm.utils.steps import named_steps


def test_steps_of_a_dict_keep_their_order_and_names():
    steps = dict(load=dict(type='A'), flip=dict(), pack=dict(type='B'))
    assert list(named_steps(steps).items()) == [('load', dict(type='A')),
                                                ('pack', dict(type='B'))]
    assert named_steps(dict(load=None)) == {}


def test_steps_of_a_list_are_numbered_by_their_places():
    function = len
    assert named_steps([dict(type='A'), {}, function]) == {
        '0': dict(type='A'),
        '2': function
    }
