//! Which machine part runs the graphs, as a user names it.

use crate::fault::DeviceFault;

/// Where graphs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    Cpu,
    /// A CUDA device by its number.
    Cuda(usize),
}

impl Device {
    /// Reads `auto`, `cpu`, `cuda` or `cuda:1`. `auto` is the first CUDA device where one can be used, else the CPU.
    pub fn parse(text: &str) -> Result<Device, DeviceFault> {
        let text = text.trim();
        match text {
            "auto" => Ok(if cuda_fault(0).is_none() {
                Device::Cuda(0)
            } else {
                Device::Cpu
            }),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => match text.strip_prefix("cuda:").map(str::parse::<usize>) {
                Some(Ok(n)) => Ok(Device::Cuda(n)),
                _ => Err(DeviceFault {
                    message: format!("there is no device called `{text}`"),
                    help: "write `auto`, `cpu`, `cuda` or, for one of several, `cuda:1`".into(),
                }),
            },
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Device::Cpu => write!(f, "cpu"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

/// Why CUDA device `number` surely cannot be used, found without touching the driver.
pub(crate) fn cuda_fault(number: usize) -> Option<DeviceFault> {
    if !cfg!(feature = "cuda") {
        return Some(DeviceFault {
            message: format!(
                "`cuda:{number}` was asked for, but this `nasc` was built without CUDA"
            ),
            help: "use `cpu`, or build with `--features cuda`".into(),
        });
    }
    // The driver's device files; `dxg` stands for all of them in the Linux inside Windows.
    let here = |path: &str| std::path::Path::new(path).exists();
    if cfg!(target_os = "linux") && !here("/dev/nvidiactl") && !here("/dev/dxg") {
        return Some(DeviceFault {
            message: "no CUDA device was found: the NVIDIA driver is not loaded".into(),
            help: "use `cpu`; on a machine with a GPU, see that `nvidia-smi` lists it (in a container, that it is passed in)".into(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert_eq!(Device::parse("cpu"), Ok(Device::Cpu));
        assert_eq!(Device::parse("cuda"), Ok(Device::Cuda(0)));
        assert_eq!(Device::parse(" cuda:3 "), Ok(Device::Cuda(3)));
        assert_eq!(Device::Cuda(3).to_string(), "cuda:3");
        assert!(Device::parse("auto").is_ok());
        for bad in ["", "gpu", "cuda:", "cuda:x", "cuda:-1"] {
            let fault = Device::parse(bad).err();
            assert!(fault.is_some_and(|f| f.help.contains("cpu")), "{bad}");
        }
    }
}
