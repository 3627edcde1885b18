//! Trainings: settings over time, optimisers started anew, slots that are mixed, what losses say.

/// The epochs (or steps) of a training at which a function of the clock, such as a curriculum's setting, has another value than just before.
intrinsic changes(f: Clock -> Any, total: Epochs) -> [Int]
/// The phases of a curriculum: when each starts, and all settings that hold in it.
intrinsic phases(curriculum: Curriculum) -> [{ at: Float, settings: Record }]
/// Forgets an optimiser's states; its schedules begin again, over what is left of the training.
intrinsic restart(opt: Optimiser) -> Record
/// A use that reads several slots: its block runs with each, and a gate's shares add up the outputs.
intrinsic mix(slots: [Slot], by: [Float]) -> Slot
/// How often a falling sequence stood still: more than `patience` entries in a row without one below the best by a share of it.
intrinsic stalls(xs: [Float], patience: Int, threshold: Float = 1e-4) -> Int
/// A block that a `distill` owns and trains, in one of its matches: `student.last |> adapter linear(teacher.last.c)`.
intrinsic adapter(x: Tensor, block: Block) -> Tensor
/// Forward passes of nets that read these weights while they were trained: what equal compute is measured in.
intrinsic passes(weights: Weights) -> Int
/// A value that only the bodies of the listed functions read, `seal(v, for: [judge])`; anyone may hand it on. The plan names the seal.
intrinsic seal(value: Any, readers: { Text: [Fn] }) -> Any
/// Lets a value out of its seals. The plan names the reason.
intrinsic disclose(value: Any, why: Text) -> Any
