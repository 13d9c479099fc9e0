//! The controls.

use std::fmt;

/// Something that a service is asked to do, or told.
///
/// The numbers and meanings are those of [`HandlerEx`](https://learn.microsoft.com/windows/win32/api/winsvc/nc-winsvc-lphandler_function_ex).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// End. SIGTERM and SIGINT, Ctrl+C and Ctrl+Break are it too.
    Stop,
    /// The system goes down: end, in the few seconds it gives.
    Shutdown,
    /// The system is about to go down, and waits for as long as was agreed at installation.
    Preshutdown,
    /// Cease to work and keep what you have.
    Pause,
    /// Go on after a pause.
    Continue,
    /// Read the configuration again: SIGHUP, or a changed parameter.
    Reload,
    /// Something happened to a user's session.
    SessionChange {
        /// What.
        event: SessionEvent,
        /// Whose, by the session's id.
        session: u32,
    },
    /// Something happened to the machine's power.
    PowerEvent(PowerEvent),
    /// A number the service itself gives a meaning.
    Custom(CustomCode),
}

impl Control {
    /// Whether the service is to end: [`Stop`](Self::Stop), [`Shutdown`](Self::Shutdown) or
    /// [`Preshutdown`](Self::Preshutdown).
    pub fn ends(self) -> bool {
        matches!(self, Self::Stop | Self::Shutdown | Self::Preshutdown)
    }
}

/// A control code of the service's own: 128 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomCode(u8);

impl CustomCode {
    /// The lowest.
    pub const MIN: Self = Self(128);
    /// The highest.
    pub const MAX: Self = Self(255);

    /// A code.
    ///
    /// # Panics
    /// Below 128, which in a constant is an error of the compiler.
    pub const fn new(code: u8) -> Self {
        assert!(code >= 128, "custom controls are 128 to 255");
        Self(code)
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A number is no custom control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no custom control: they are 128 to 255")]
pub struct NotCustom(pub u32);

impl TryFrom<u32> for CustomCode {
    type Error = NotCustom;

    fn try_from(code: u32) -> Result<Self, NotCustom> {
        match u8::try_from(code) {
            Ok(code @ 128..) => Ok(Self(code)),
            _ => Err(NotCustom(code)),
        }
    }
}

impl fmt::Display for CustomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened to a session, as `WM_WTSSESSION_CHANGE` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// It came to the machine's own screen.
    ConsoleConnect,
    /// It left the machine's own screen.
    ConsoleDisconnect,
    /// It was connected from afar.
    RemoteConnect,
    /// The connection from afar ended.
    RemoteDisconnect,
    /// A user logged on.
    Logon,
    /// A user logged off.
    Logoff,
    /// It was locked.
    Lock,
    /// It was unlocked.
    Unlock,
    /// Its being remotely controlled began or ended.
    RemoteControl,
    /// It was made.
    Create,
    /// It is gone.
    Terminate,
    /// Something newer than this program.
    Other(u32),
}

impl From<u32> for SessionEvent {
    fn from(event: u32) -> Self {
        match event {
            1 => Self::ConsoleConnect,
            2 => Self::ConsoleDisconnect,
            3 => Self::RemoteConnect,
            4 => Self::RemoteDisconnect,
            5 => Self::Logon,
            6 => Self::Logoff,
            7 => Self::Lock,
            8 => Self::Unlock,
            9 => Self::RemoteControl,
            10 => Self::Create,
            11 => Self::Terminate,
            other => Self::Other(other),
        }
    }
}

/// What happened to the power, as `WM_POWERBROADCAST` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PowerEvent {
    /// The machine is about to sleep.
    Suspend,
    /// It woke, and a user is there.
    Resume,
    /// It woke. A [`Resume`](Self::Resume) follows if a user is there.
    ResumeAutomatic,
    /// From battery to mains or back, or the charge changed.
    StatusChange,
    /// A setting of the power plan changed.
    SettingChange,
    /// Something newer, or older, than this program.
    Other(u32),
}

impl From<u32> for PowerEvent {
    fn from(event: u32) -> Self {
        match event {
            0x4 => Self::Suspend,
            0x7 => Self::Resume,
            0x12 => Self::ResumeAutomatic,
            0xA => Self::StatusChange,
            0x8013 => Self::SettingChange,
            other => Self::Other(other),
        }
    }
}
