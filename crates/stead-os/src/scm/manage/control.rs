//! What a running service can be told.

use super::numbers::access;

/// A control that anybody with the right to may send. [`Scm::stop`](super::Scm::stop) stops.
/// Shutdown and preshutdown come from the system alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Pause.
    Pause,
    /// Go on after a pause.
    Continue,
    /// Report the status.
    Interrogate,
    /// Read the parameters again.
    ParamChange,
    /// A code whose meaning is the service's own.
    Custom(CustomCode),
}

/// A code from 128 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CustomCode(u8);

impl CustomCode {
    /// The code, if it is one that services have for themselves.
    pub fn new(code: u32) -> Option<Self> {
        u8::try_from(code).ok().filter(|it| *it >= 128).map(Self)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        u32::from(self.0)
    }
}

impl Control {
    /// `dwControl` (`winsvc.h`).
    pub fn number(self) -> u32 {
        match self {
            Self::Pause => 2,
            Self::Continue => 3,
            Self::Interrogate => 4,
            Self::ParamChange => 6,
            Self::Custom(code) => code.number(),
        }
    }

    /// The right that sending it takes.
    pub(crate) fn access(self) -> u32 {
        match self {
            Self::Pause | Self::Continue | Self::ParamChange => access::SERVICE_PAUSE_CONTINUE,
            Self::Interrogate => access::SERVICE_INTERROGATE,
            Self::Custom(_) => access::SERVICE_USER_DEFINED_CONTROL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_of_a_services_own_are_custom() {
        for code in [0, 1, 5, 15, 127, 256, u32::MAX] {
            assert_eq!(CustomCode::new(code), None, "{code}");
        }
        for code in 128..=255 {
            assert_eq!(CustomCode::new(code).unwrap().number(), code);
        }
    }
}
