//! Runs programs on Burn's dispatch backend, below its autodiff: the reference on the CPU and the way to a GPU.
//!
//! On the CPU this is Burn's `flex` without its `rayon` feature: one thread, so the same bits every time.

mod contract;
mod index;
mod layout;
mod pointwise;
mod reduce;
mod window;

use crate::device::{Device, cuda_fault};
use crate::fault::{DeviceFault, RunFault};
use crate::host;
use crate::program::{Program, Slots, Source, Step, bound, key, number};
use crate::shape::count;
use crate::value::{Value, dtype_of};
use burn::backend::{
    BoolStore, DeviceOps, Dispatch, DispatchDevice, DispatchTensor, FlexDevice, TensorData, ops::*,
    try_read_sync,
};
use burn::tensor::{DType as BurnType, FloatDType, IntDType, Shape};
use nas_ir::{Bindings, DType, HostData, HostTensor, Op};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) type B = Dispatch;

/// A tensor in a device's memory. Burn knows no tensors without axes: a single number is `[1]` there.
#[derive(Debug, Clone)]
pub struct OnDevice {
    pub(crate) tensor: DispatchTensor,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
}

/// The shape that Burn is given for ours.
pub(crate) fn burn_shape(shape: &[usize]) -> Shape {
    if shape.is_empty() {
        Shape::new([1])
    } else {
        shape.iter().copied().collect()
    }
}

/// The float type of Burn for ours.
pub(crate) fn float_type(dtype: DType) -> FloatDType {
    if dtype == DType::F64 {
        FloatDType::F64
    } else {
        FloatDType::F32
    }
}

/// An opened device of Burn.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    device: DispatchDevice,
    bools: BoolStore,
    cpu: bool,
}

impl Machine {
    /// Opens the device and runs one addition on it.
    pub(crate) fn open(device: Device) -> Result<Machine, DeviceFault> {
        let made = match device {
            Device::Cpu => DispatchDevice::Flex(FlexDevice),
            Device::Cuda(n) => {
                if let Some(fault) = cuda_fault(n) {
                    return Err(fault);
                }
                cuda(n)?
            }
        };
        let opened = guard(|| {
            let settings = made.defaults();
            let machine = Machine {
                bools: settings.bool_dtype,
                cpu: device == Device::Cpu,
                device: made,
            };
            let probe = machine.upload(&HostTensor::f32(vec![2], vec![1.0, 2.0]));
            let sum = B::float_add(probe.tensor.clone(), probe.tensor);
            let back = machine.download(&OnDevice {
                tensor: sum,
                shape: vec![2],
                dtype: DType::F32,
            })?;
            Ok((machine, back.to_f64() == [2.0, 4.0]))
        });
        match opened {
            Ok((machine, true)) => Ok(machine),
            Ok((_, false)) => Err(DeviceFault {
                message: format!("`{device}` does not add: 1 + 1 did not come back as 2"),
                help: "use `cpu`, and look at the driver's log".into(),
            }),
            Err(fault) => Err(DeviceFault {
                message: format!("`{device}` could not be opened: {fault}"),
                help: "use `cpu`, or see that `nvidia-smi` lists the device and that the driver is recent".into(),
            }),
        }
    }

    pub(crate) fn upload(&self, t: &HostTensor) -> OnDevice {
        let shape = burn_shape(&t.shape);
        let tensor = match &t.data {
            HostData::F32(v) => {
                B::float_from_data(TensorData::new(v.to_vec(), shape), &self.device)
            }
            HostData::F64(v) => {
                B::float_from_data(TensorData::new(v.to_vec(), shape), &self.device)
            }
            HostData::I32(v) => B::int_from_data(TensorData::new(v.to_vec(), shape), &self.device),
        };
        OnDevice {
            tensor,
            shape: t.shape.clone(),
            dtype: dtype_of(t),
        }
    }

    pub(crate) fn download(&self, t: &OnDevice) -> Result<HostTensor, RunFault> {
        let read = match t.dtype {
            DType::I32 => try_read_sync(B::int_into_data(t.tensor.clone())),
            _ => try_read_sync(B::float_into_data(t.tensor.clone())),
        };
        let lost = |what: String| RunFault::Device { message: what };
        let data = read
            .ok_or_else(|| lost("a tensor could not be read back".into()))?
            .map_err(|e| lost(format!("{e:?}")))?;
        let got = data.dtype();
        let data = match (t.dtype, got) {
            (DType::F32, BurnType::F32) => data
                .try_into_vec::<f32>()
                .map(|v| HostData::F32(Arc::new(v))),
            (DType::F64, BurnType::F64) => data
                .try_into_vec::<f64>()
                .map(|v| HostData::F64(Arc::new(v))),
            (DType::I32, BurnType::I32) => data
                .try_into_vec::<i32>()
                .map(|v| HostData::I32(Arc::new(v))),
            (DType::I32, BurnType::I64) => data
                .try_into_vec::<i64>()
                .map(|v| HostData::I32(Arc::new(v.into_iter().map(|x| x as i32).collect()))),
            _ => return Err(lost(format!("a tensor came back as {got:?}"))),
        };
        Ok(HostTensor {
            shape: t.shape.clone(),
            data: data.map_err(|e| lost(format!("{e:?}")))?,
        })
    }

    /// Whether tensors of this type and size live on the device. On a GPU doubles do not: few kernels take them.
    fn holds(&self, dtype: DType, shape: &[usize]) -> bool {
        count(shape) > 0 && (self.cpu || dtype != DType::F64)
    }

    fn to_device(&self, v: Value) -> OnDevice {
        match v {
            Value::Burn(t) => t,
            Value::Host(t) => self.upload(&t),
        }
    }

    pub(crate) fn to_host(&self, v: &Value) -> Result<HostTensor, RunFault> {
        match v {
            Value::Host(t) => Ok(t.clone()),
            Value::Burn(t) => self.download(t),
        }
    }

    /// Runs the program, calling `seen` with each value as it is made.
    pub(crate) fn run(
        &self,
        program: &Program,
        bindings: &Bindings,
        slots: &dyn Slots,
        mut seen: impl FnMut(&Step, &Value) -> Result<(), RunFault>,
    ) -> Result<Vec<Value>, RunFault> {
        guard(|| {
            let steps = &program.inner.steps;
            let mut values: Vec<Option<Value>> = vec![None; steps.len()];
            for (k, step) in steps.iter().enumerate() {
                let made = match &step.source {
                    Source::Compute => self.compute(step, &mut values)?,
                    Source::Key(_) => {
                        let mut out = host::Buffer::zeros(step.dtype, count(&step.shape));
                        let Op::Random(d) = step.op else {
                            return Err(unsupported(step, "a key that is not a draw's"));
                        };
                        host::draw(d, key(step, bindings)?, &mut out);
                        Value::Host(HostTensor {
                            shape: step.shape.clone(),
                            data: out.into_data(),
                        })
                    }
                    Source::Const(_) | Source::Scalar(_) => {
                        self.number(step, number(step, bindings)?)
                    }
                    _ => bound(step, bindings, slots)?,
                };
                if made.shape() != step.shape || made.dtype() != step.dtype {
                    return Err(unsupported(
                        step,
                        &format!("gave {:?} {:?}", made.dtype(), made.shape()),
                    ));
                }
                seen(step, &made)?;
                values[k] = Some(made);
            }
            program
                .inner
                .outputs
                .iter()
                .map(|o| {
                    values[*o as usize]
                        .clone()
                        .ok_or_else(|| RunFault::Unbound {
                            what: "an output".into(),
                        })
                })
                .collect()
        })
    }

    fn number(&self, step: &Step, value: f64) -> Value {
        if !self.holds(step.dtype, &step.shape) {
            let mut out = host::Buffer::zeros(step.dtype, count(&step.shape));
            host::fill(value, &mut out);
            return Value::Host(HostTensor {
                shape: step.shape.clone(),
                data: out.into_data(),
            });
        }
        let tensor = self.full(&step.shape, value, step.dtype);
        Value::Burn(OnDevice {
            tensor,
            shape: step.shape.clone(),
            dtype: step.dtype,
        })
    }

    /// A tensor with one value throughout.
    pub(crate) fn full(&self, shape: &[usize], value: f64, dtype: DType) -> DispatchTensor {
        let shape = burn_shape(shape);
        match dtype {
            DType::I32 => B::int_full(shape, (value as i64).into(), &self.device, IntDType::I32),
            _ => B::float_full(shape, value.into(), &self.device, float_type(dtype)),
        }
    }

    fn compute(&self, step: &Step, values: &mut [Option<Value>]) -> Result<Value, RunFault> {
        let mut inputs = Vec::with_capacity(step.inputs.len());
        for (k, i) in step.inputs.iter().enumerate() {
            // The last reader takes the tensor itself, so that Burn may write in place.
            let again = step.inputs[k + 1..].contains(i);
            let v = if step.dies.contains(i) && !again {
                values[*i as usize].take()
            } else {
                values[*i as usize].clone()
            };
            inputs.push(v.ok_or_else(|| unsupported(step, "an input is missing"))?);
        }
        match (&step.op, inputs.first()) {
            (Op::Stop | Op::Mark(_) | Op::Surrogate, Some(v)) => return Ok(v.clone()),
            (Op::Grad { .. }, _) => {
                return Err(unsupported(step, "a gradient that was not expanded"));
            }
            _ => {}
        }
        let fits = self.holds(step.dtype, &step.shape)
            && inputs.iter().all(|v| self.holds(v.dtype(), v.shape()));
        if fits {
            self.check_indices(step, &inputs)?;
            let on_device: Vec<OnDevice> =
                inputs.iter().cloned().map(|v| self.to_device(v)).collect();
            if self.covers(step, &on_device) {
                drop(inputs);
                if let Some(tensor) = self.apply(step, on_device) {
                    return Ok(Value::Burn(OnDevice {
                        tensor,
                        shape: step.shape.clone(),
                        dtype: step.dtype,
                    }));
                }
                return Err(unsupported(step, "Burn has no such operation"));
            }
        }
        let on_host: Result<Vec<HostTensor>, RunFault> =
            inputs.iter().map(|v| self.to_host(v)).collect();
        let on_host = on_host?;
        let args: Vec<host::Arg<'_>> = on_host.iter().map(host::Arg::of).collect();
        host::eval(&step.op, &args, &step.shape, step.dtype)
            .map(Value::Host)
            .map_err(|f| at_node(f, step))
    }

    /// The indices that a step reads by, which kernels do not check. On the CPU only: elsewhere it would wait for the device.
    fn check_indices(&self, step: &Step, inputs: &[Value]) -> Result<(), RunFault> {
        let (which, extent) = match (&step.op, inputs.first().map(Value::shape)) {
            (Op::Gather { axis }, Some(s)) => (1, s[*axis]),
            (Op::ScatterAdd { axis, .. }, _) => (1, step.shape[*axis]),
            (Op::Pick | Op::TakeAlong | Op::PutAlong, Some(s)) => {
                (1, s.last().copied().unwrap_or(1))
            }
            (Op::Unpick { .. }, _) => (1, step.shape.last().copied().unwrap_or(1)),
            (Op::OneHot { .. }, _) => (0, step.shape.last().copied().unwrap_or(1)),
            _ => return Ok(()),
        };
        let host = match inputs.get(which) {
            Some(Value::Host(t)) => t.clone(),
            Some(Value::Burn(t)) if self.cpu => self.download(t)?,
            _ => return Ok(()),
        };
        if let HostData::I32(v) = &host.data
            && let Some(i) = v.iter().find(|i| **i < 0 || **i as usize >= extent)
        {
            return Err(RunFault::Index {
                index: *i as i64,
                extent,
            });
        }
        Ok(())
    }

    /// Whether [`Machine::apply`] knows the operation for these types and shapes.
    fn covers(&self, step: &Step, inputs: &[OnDevice]) -> bool {
        let float = step.dtype != DType::I32;
        let whole = inputs.first().is_some_and(|t| t.dtype == DType::I32);
        match &step.op {
            Op::Unary(u) => float || pointwise::covers_int_unary(*u),
            Op::Binary(b) => float || pointwise::covers_int_binary(*b),
            Op::Reduce { .. } | Op::Select | Op::CumSum { .. } => float,
            Op::ArgReduce { .. } => !whole,
            Op::Contract { inputs: specs, .. } => float && contract::covers(specs),
            Op::Conv { window, .. }
            | Op::ConvGradInput { window, .. }
            | Op::ConvGradWeight { window, .. } => float && window.pad.iter().all(|p| *p >= 0),
            Op::AvgPool { window, .. } | Op::AvgPoolGrad { window, .. } => {
                float && window.pad.iter().all(|p| *p >= 0) && window.dilation == [1, 1]
            }
            Op::MaxPool { window } | Op::MaxPoolGrad { window } | Op::MaxPoolPick { window } => {
                float && window.pad.iter().all(|p| *p >= 0)
            }
            Op::ScatterAdd { .. } | Op::Unpick { .. } | Op::PutAlong | Op::OneHot { .. } => float,
            Op::Pad { before, after, .. } => float && *before >= 0 && *after >= 0,
            Op::Unslice { .. } => float,
            Op::Iota
            | Op::Cast(_)
            | Op::Reshape
            | Op::Permute(_)
            | Op::Expand
            | Op::Slice { .. }
            | Op::Concat { .. }
            | Op::Gather { .. }
            | Op::Pick
            | Op::TakeAlong => true,
            // Sorting is stable on the host, and not on Burn's backends.
            _ => false,
        }
    }

    fn apply(&self, step: &Step, inputs: Vec<OnDevice>) -> Option<DispatchTensor> {
        match &step.op {
            Op::Iota => Some(B::int_arange(
                0..count(&step.shape) as i64,
                &self.device,
                IntDType::I32,
            )),
            Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Cast(_) => self.pointwise(step, inputs),
            Op::Reduce { .. } | Op::ArgReduce { .. } | Op::CumSum { .. } => {
                self.reduce(step, inputs)
            }
            Op::Contract {
                inputs: specs,
                output,
            } => contract::contract(specs, output, inputs),
            Op::Gather { .. }
            | Op::ScatterAdd { .. }
            | Op::Pick
            | Op::Unpick { .. }
            | Op::OneHot { .. }
            | Op::TakeAlong
            | Op::PutAlong => self.indexed(step, inputs),
            Op::Conv { .. } | Op::ConvGradInput { .. } | Op::ConvGradWeight { .. } => {
                self.convolve(step, inputs)
            }
            Op::AvgPool { .. }
            | Op::AvgPoolGrad { .. }
            | Op::MaxPool { .. }
            | Op::MaxPoolGrad { .. }
            | Op::MaxPoolPick { .. } => self.pool(step, inputs),
            _ => self.layout(step, inputs),
        }
    }
}

fn unsupported(step: &Step, message: &str) -> RunFault {
    RunFault::Unsupported {
        node: step.node,
        message: format!("{}: {message}", step.op.name()),
    }
}

/// Puts the step's node number into a fault of the host's operations.
pub(crate) fn at_node(fault: RunFault, step: &Step) -> RunFault {
    match fault {
        RunFault::Unsupported { message, .. } => RunFault::Unsupported {
            node: step.node,
            message,
        },
        other => other,
    }
}

/// Runs `f`, turning a panic of the backend into a fault.
fn guard<T>(f: impl FnOnce() -> Result<T, RunFault>) -> Result<T, RunFault> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(r) => r,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
                .unwrap_or_else(|| "without a reason".into());
            Err(RunFault::Device {
                message: text.lines().next().unwrap_or_default().to_string(),
            })
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<DispatchDevice, DeviceFault> {
    use burn::backend::{CubeDevice, CudaDevice};
    Ok(DispatchDevice::Cube(CubeDevice::Cuda(CudaDevice::new(
        number,
    ))))
}

#[cfg(not(feature = "cuda"))]
fn cuda(number: usize) -> Result<DispatchDevice, DeviceFault> {
    Err(cuda_fault(number).unwrap_or(DeviceFault {
        message: "built without CUDA".into(),
        help: "use `cpu`".into(),
    }))
}
