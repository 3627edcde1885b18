//! Functions over lists and statistics of lists of numbers.

/// Whether at least one condition holds; a plain one that does ends it.
intrinsic any(xs: [Bool]) -> Bool

/// Whether every condition holds; of nothing, true.
intrinsic all(xs: [Bool]) -> Bool

/// The number of elements: `count(s in xs where p)` of those that pass.
intrinsic count(xs: [Any]) -> Int

/// The number of elements of a list, fields of a record, characters of a text or samples of data; `none` has none.
intrinsic len(xs: Any) -> Int

/// Tuples of the lists' elements, place by place; the lists have one length.
intrinsic zip(lists: [[Any]]) -> [[Any]]

/// Pairs of an element and its position.
intrinsic enumerate(xs: [Any]) -> [(Any, Int)]

/// Columns of a list of lists of one length.
intrinsic transpose(xs: [[Any]]) -> [[Any]]

/// The elements from the last to the first.
intrinsic reverse(xs: [Any]) -> [Any]

/// The first element.
intrinsic first(xs: [Any]) -> Any

/// The last element.
intrinsic last(xs: [Any]) -> Any

/// The list without its first `n` elements, or without its `last` ones.
intrinsic drop(xs: [Any], n: Int? = none, last: Int? = none) -> [Any]

/// The names of a record's fields, in order.
intrinsic keys(record: Record) -> [Text]

/// The values of a record's fields, in order.
intrinsic values(record: Record) -> [Any]

/// All unordered pairs of two places, the earlier one first.
intrinsic pairs(xs: [Any]) -> [(Any, Any)]

/// All pairs of a number below `n` and one below `m`, row by row.
intrinsic grid(n: Int, m: Int) -> [(Int, Int)]

/// The first place of `x` in a list, from 0: `position(x, in: xs)`; `none` where it is not there.
intrinsic position(x: Any, list: { Text: [Any] }) -> Int?

/// The longest of several lists or runs; the first of equally long ones.
intrinsic longest(xs: [Any]) -> Any

/// Stretches of equal neighbours: where each starts, how long it is, and what its value is.
intrinsic runs(xs: [Any]) -> [{ start: Int, length: Int, value: Any }]

/// What stands for each `*` of the pattern, as little as lets the rest match; `none` where the text does not match.
intrinsic captures(text: Text, pattern: Text) -> [Text]?
/// A text's whole number; invalid where it is none.
intrinsic int(text: Text) -> Int

/// The elements as one text.
intrinsic join(xs: [Any], by: Text = ", ") -> Text

/// Of a list, its valid elements; of anything else, whether nothing in it is invalid.
intrinsic valid(x: Any) -> Any

/// The value where the condition holds, else invalid for this reason.
intrinsic require(condition: Bool, value: Any, reason: Text = "a requirement does not hold") -> Any

/// A value that stands for nothing, with the reason.
intrinsic invalid(reason: Text) -> Any

/// Whether a value is neither `none` nor invalid.
intrinsic known(v: Any) -> Bool

/// Whether every number in it is finite.
intrinsic finite(v: Any) -> Bool

/// Numbers or texts, ascending.
intrinsic sort(xs: [Any]) -> [Any]

/// Whether each element is at most the next.
intrinsic sorted(xs: [Float]) -> Bool

/// Indices by descending score; ties by position.
intrinsic order(score: [Float]) -> [Int]

/// Indices by ascending number; ties by position.
intrinsic argsort(xs: [Float]) -> [Int]

/// Ranks, 1 for the smallest; equal numbers share the mean, min or max of their ranks, or count as one (dense).
intrinsic ranks(xs: [Float], ties: Label = mean) -> [Float]

/// The best `n` by descending `by` (the score itself where it is left out); equal ones by ascending `ties`, then by position.
intrinsic top(xs: [Any], n: Int, by: (Any -> Float)? = none, ties: (Any -> Float)? = none) -> [Any]

/// Scored records by descending score, invalid ones last; ties by position.
intrinsic best_first(xs: [Scored]) -> [Scored]

/// The scored record with the highest score; the first of several.
intrinsic best(xs: [Scored]) -> Scored

/// Each value once, at its first place; records count by their architecture.
intrinsic distinct(xs: [Any], modulo: [Rewrite]? = none) -> [Any]

/// Each value once: options in the order of their choice, numbers by size, anything else by its text.
intrinsic set(xs: [Any]) -> [Any]

/// How the pairs of two lists stand to each other: in one order, in opposite orders, tied in one only or in both.
intrinsic kendall_counts(a: [Float], b: [Float]) -> { concordant: Int, discordant: Int, ties_a: Int, ties_b: Int, ties_both: Int, n: Int, distinct_a: Int, distinct_b: Int }

/// Pearson's correlation; 0 where a side is constant.
intrinsic pearson(a: [Float], b: [Float]) -> Float

/// Spearman's correlation, by mean ranks; 0 where a side is constant: a constant score ranks nothing.
intrinsic spearman(a: [Float], b: [Float]) -> Float

/// The middle number; between two, their mean.
intrinsic median(xs: Any) -> Float

/// The number below which a share `q` lies, interpolated between neighbours.
intrinsic quantile(xs: Any, q: Float) -> Float

/// Sample standard deviation, by n - 1; 0 of a single number.
intrinsic std(xs: [Float]) -> Float

/// Sample variance, by n - 1; 0 of a single number.
intrinsic variance(xs: [Float]) -> Float

/// Mean height under the line through the points, at equal steps; of several curves, the mean.
intrinsic area(ys: [Float]) -> Float
