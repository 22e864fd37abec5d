from dashboards.sparkline import spark_blocks, spark_points


def test_points_run_from_left_to_right_and_higher_is_up():
    points = [tuple(map(float, pair.split(","))) for pair in spark_points([1, 2, 3]).split()]
    assert [x for x, _ in points] == [3, 42, 81]
    assert [y for _, y in points] == [27, 15, 3]


def test_two_values_are_no_trend():
    assert spark_points([1, 2]) == ""


def test_blocks_show_the_shape():
    assert spark_blocks([0, 1, 2, 7]) == "▁▂▃█"
    assert spark_blocks([]) == ""
    assert len(set(spark_blocks([5, 5, 5]))) == 1


def test_many_values_are_thinned_to_their_peaks():
    line = spark_blocks([0] * 50 + [9] + [0] * 49, longest=10)
    assert len(line) == 10
    assert line.count("█") == 1
