//! Which controls a service has a use for.

use std::ops::BitOr;

use super::Control;

/// The controls that a service accepts. All others are refused at the door, so it never sees them.
///
/// ```
/// use stead_os::control::{Accepted, Control};
///
/// const ACCEPTS: Accepted = Accepted::ENDING.and(Accepted::RELOAD);
/// assert!(ACCEPTS.accepts(Control::Reload));
/// assert!(!ACCEPTS.accepts(Control::Pause));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted(u8);

impl Accepted {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// [`Control::Stop`].
    pub const STOP: Self = Self(1);
    /// [`Control::Shutdown`].
    pub const SHUTDOWN: Self = Self(1 << 1);
    /// [`Control::Preshutdown`].
    pub const PRESHUTDOWN: Self = Self(1 << 2);
    /// [`Control::Pause`] and [`Control::Continue`].
    pub const PAUSE: Self = Self(1 << 3);
    /// [`Control::Reload`].
    pub const RELOAD: Self = Self(1 << 4);
    /// [`Control::SessionChange`].
    pub const SESSION_CHANGE: Self = Self(1 << 5);
    /// [`Control::PowerEvent`].
    pub const POWER_EVENT: Self = Self(1 << 6);
    /// [`Control::Custom`] of every code.
    pub const CUSTOM: Self = Self(1 << 7);
    /// [`STOP`](Self::STOP) and [`SHUTDOWN`](Self::SHUTDOWN): what nearly every service accepts.
    pub const ENDING: Self = Self::STOP.and(Self::SHUTDOWN);

    /// These and those. (`|` does the same, but not in a constant.)
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether this control is accepted.
    pub const fn accepts(self, control: Control) -> bool {
        self.contains(match control {
            Control::Stop => Self::STOP,
            Control::Shutdown => Self::SHUTDOWN,
            Control::Preshutdown => Self::PRESHUTDOWN,
            Control::Pause | Control::Continue => Self::PAUSE,
            Control::Reload => Self::RELOAD,
            Control::SessionChange { .. } => Self::SESSION_CHANGE,
            Control::PowerEvent(_) => Self::POWER_EVENT,
            Control::Custom(_) => Self::CUSTOM,
        })
    }
}

impl BitOr for Accepted {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}
