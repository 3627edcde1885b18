//! The executor: a device, and the kernels that it runs programs with.

use crate::device::Device;
use crate::fault::{DeviceFault, NonFinite, RunFault};
use crate::onburn::Machine;
use crate::own;
use crate::program::{Inner, Program, Slots, flatten};
use crate::value::Value;
use nas_ir::{Bindings, Graph, HostData, HostTensor};
use std::sync::Arc;

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernels {
    /// Burn's backend of the device.
    Burn,
    /// Kernels of our own; on the CPU only.
    Own,
}

/// Runs programs on one device. Clones share the device.
#[derive(Debug, Clone)]
pub struct Executor {
    device: Device,
    kernels: Kernels,
    machine: Arc<Machine>,
    /// Memory of runs on our own kernels that have ended.
    pools: Arc<own::Pools>,
}

impl Executor {
    /// Opens the device; on the CPU with our own kernels.
    ///
    /// # Errors
    /// The device cannot be used: built without it, no driver, no such device.
    pub fn new(device: Device) -> Result<Executor, DeviceFault> {
        nasc_kernels::large_blocks_apart();
        Ok(Executor {
            device,
            kernels: match device {
                Device::Cpu => Kernels::Own,
                Device::Cuda(_) => Kernels::Burn,
            },
            machine: Arc::new(Machine::open(device)?),
            pools: Arc::default(),
        })
    }

    /// The same device with other kernels; our own stay on the CPU, so a GPU keeps Burn's.
    pub fn with_kernels(mut self, kernels: Kernels) -> Executor {
        if self.device == Device::Cpu {
            self.kernels = kernels;
        }
        self
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Who computes.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// Keeps no more than so many bytes of memory between runs from now on.
    pub fn bound(&self, bytes: u64) {
        self.pools
            .bound(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Makes a graph ready, one operation a step.
    pub fn compile_graph(&self, graph: &Graph) -> Program {
        let (steps, outputs) = flatten(graph);
        Program {
            inner: Arc::new(Inner {
                own: own::Plan::plain(&steps, &outputs),
                steps,
                outputs,
            }),
        }
    }

    /// Makes a prepared graph ready: on our own kernels, its fused groups run as one pass each.
    pub fn compile(&self, ready: &nas_network::Ready) -> Program {
        let (steps, outputs) = flatten(&ready.graph);
        Program {
            inner: Arc::new(Inner {
                own: own::Plan::fused(&steps, &outputs, &ready.kernels),
                steps,
                outputs,
            }),
        }
    }

    /// Runs a program; the outputs come back in the graph's order. `slots` gives the current tensors of the stores.
    ///
    /// # Errors
    /// Something is not bound or has another shape, an index lies outside, or the device gave up.
    pub fn run(
        &self,
        program: &Program,
        bindings: &Bindings,
        slots: &dyn Slots,
    ) -> Result<Vec<Value>, RunFault> {
        match self.kernels {
            Kernels::Own => {
                let to_host = |v: &Value| self.machine.to_host(v);
                own::run(&self.pools, program, bindings, slots, to_host, None)
            }
            Kernels::Burn => self.machine.run(program, bindings, slots, |_, _| Ok(())),
        }
    }

    /// Runs a program with our own kernels and tells what each took, in order.
    ///
    /// # Errors
    /// As for [`Executor::run`].
    pub fn profile(
        &self,
        program: &Program,
        bindings: &Bindings,
        slots: &dyn Slots,
    ) -> Result<Vec<own::Spent>, RunFault> {
        let mut all = vec![];
        let mut watch = |told: &dyn Fn() -> own::Spent, began: std::time::Instant| {
            let seconds = began.elapsed().as_secs_f64();
            all.push(own::Spent { seconds, ..told() });
        };
        let to_host = |v: &Value| self.machine.to_host(v);
        let watch = Some(&mut watch as _);
        own::run(&self.pools, program, bindings, slots, to_host, watch)?;
        Ok(all)
    }

    /// Runs node by node and names the first whose value is NaN or infinite; `None` where all are finite.
    ///
    /// # Errors
    /// As for [`Executor::run`].
    pub fn first_non_finite(
        &self,
        program: &Program,
        bindings: &Bindings,
        slots: &dyn Slots,
    ) -> Result<Option<NonFinite>, RunFault> {
        let mut found = None;
        self.machine.run(program, bindings, slots, |step, value| {
            if found.is_some() {
                return Ok(());
            }
            let host = self.machine.to_host(value)?;
            if let Some((at, value)) = first_bad(&host) {
                found = Some(NonFinite {
                    node: step.node,
                    op: step.op.name(),
                    shape: step.shape.clone(),
                    at,
                    value,
                });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Puts a tensor where this executor computes: its memory is shared where that is the host.
    pub fn upload(&self, t: &HostTensor) -> Value {
        match self.kernels {
            Kernels::Own => Value::Host(t.clone()),
            Kernels::Burn => Value::Burn(self.machine.upload(t)),
        }
    }

    /// Brings a tensor back to the host.
    ///
    /// # Errors
    /// The device gave up.
    pub fn download(&self, v: &Value) -> Result<HostTensor, RunFault> {
        self.machine.to_host(v)
    }
}

fn first_bad(t: &HostTensor) -> Option<(usize, f64)> {
    match &t.data {
        HostData::F32(v) => v
            .iter()
            .position(|x| !x.is_finite())
            .map(|i| (i, v[i] as f64)),
        HostData::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
        HostData::I32(_) => None,
    }
}
