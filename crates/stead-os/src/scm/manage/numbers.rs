//! Numbers of `winsvc.h`, `winnt.h` and `winerror.h`, for all systems: the recording twin takes
//! and shows them everywhere. A test on Windows compares them with the system's own.

/// Rights to a manager or a service ("Service Security and Access Rights").
pub mod access {
    #![allow(missing_docs, reason = "the names are the documentation's")]

    pub const SC_MANAGER_CONNECT: u32 = 0x1;
    pub const SC_MANAGER_CREATE_SERVICE: u32 = 0x2;
    pub const SC_MANAGER_ENUMERATE_SERVICE: u32 = 0x4;

    pub const SERVICE_QUERY_CONFIG: u32 = 0x1;
    pub const SERVICE_CHANGE_CONFIG: u32 = 0x2;
    pub const SERVICE_QUERY_STATUS: u32 = 0x4;
    pub const SERVICE_ENUMERATE_DEPENDENTS: u32 = 0x8;
    pub const SERVICE_START: u32 = 0x10;
    pub const SERVICE_STOP: u32 = 0x20;
    pub const SERVICE_PAUSE_CONTINUE: u32 = 0x40;
    pub const SERVICE_INTERROGATE: u32 = 0x80;
    pub const SERVICE_USER_DEFINED_CONTROL: u32 = 0x100;
    pub const DELETE: u32 = 0x1_0000;
}

/// Errors.
pub mod error {
    #![allow(missing_docs, reason = "the names are the documentation's")]

    pub const ERROR_FILE_NOT_FOUND: u32 = 2;
    pub const ERROR_PATH_NOT_FOUND: u32 = 3;
    pub const ERROR_ACCESS_DENIED: u32 = 5;
    pub const ERROR_INVALID_HANDLE: u32 = 6;
    pub const ERROR_INVALID_DATA: u32 = 13;
    pub const ERROR_NOT_SUPPORTED: u32 = 50;
    pub const ERROR_INVALID_PARAMETER: u32 = 87;
    pub const ERROR_CALL_NOT_IMPLEMENTED: u32 = 120;
    pub const ERROR_INVALID_NAME: u32 = 123;
    pub const ERROR_INVALID_LEVEL: u32 = 124;
    pub const ERROR_BAD_EXE_FORMAT: u32 = 193;
    pub const ERROR_DEPENDENT_SERVICES_RUNNING: u32 = 1051;
    pub const ERROR_INVALID_SERVICE_CONTROL: u32 = 1052;
    pub const ERROR_SERVICE_REQUEST_TIMEOUT: u32 = 1053;
    pub const ERROR_SERVICE_NO_THREAD: u32 = 1054;
    pub const ERROR_SERVICE_DATABASE_LOCKED: u32 = 1055;
    pub const ERROR_SERVICE_ALREADY_RUNNING: u32 = 1056;
    pub const ERROR_INVALID_SERVICE_ACCOUNT: u32 = 1057;
    pub const ERROR_SERVICE_DISABLED: u32 = 1058;
    pub const ERROR_CIRCULAR_DEPENDENCY: u32 = 1059;
    pub const ERROR_SERVICE_DOES_NOT_EXIST: u32 = 1060;
    pub const ERROR_SERVICE_CANNOT_ACCEPT_CTRL: u32 = 1061;
    pub const ERROR_SERVICE_NOT_ACTIVE: u32 = 1062;
    pub const ERROR_SERVICE_SPECIFIC_ERROR: u32 = 1066;
    pub const ERROR_SERVICE_DEPENDENCY_FAIL: u32 = 1068;
    pub const ERROR_SERVICE_LOGON_FAILED: u32 = 1069;
    pub const ERROR_SERVICE_START_HANG: u32 = 1070;
    pub const ERROR_SERVICE_MARKED_FOR_DELETE: u32 = 1072;
    pub const ERROR_SERVICE_EXISTS: u32 = 1073;
    pub const ERROR_SERVICE_DEPENDENCY_DELETED: u32 = 1075;
    pub const ERROR_SERVICE_NEVER_STARTED: u32 = 1077;
    pub const ERROR_DUPLICATE_SERVICE_NAME: u32 = 1078;
    pub const ERROR_SHUTDOWN_IN_PROGRESS: u32 = 1115;
    pub const ERROR_SERVICE_NOTIFY_CLIENT_LAGGING: u32 = 1294;
    pub const ERROR_NO_SUCH_PRIVILEGE: u32 = 1313;
    pub const ERROR_NONE_MAPPED: u32 = 1332;
    pub const RPC_S_CANNOT_SUPPORT: u32 = 1764;
    pub const RPC_S_INVALID_TAG: u32 = 1733;
    pub const RPC_S_PROCNUM_OUT_OF_RANGE: u32 = 1745;
}

/// `SERVICE_WIN32_OWN_PROCESS`.
pub const OWN_PROCESS: u32 = 0x10;
/// `SERVICE_NO_CHANGE`.
pub const NO_CHANGE: u32 = u32::MAX;
/// `SERVICE_AUTO_START`.
pub const AUTO_START: u32 = 2;
/// `SERVICE_DEMAND_START`.
pub const DEMAND_START: u32 = 3;
/// `SERVICE_DISABLED`.
pub const DISABLED: u32 = 4;
/// `SERVICE_CONTROL_STOP`.
pub const CONTROL_STOP: u32 = 1;
/// `INFINITE`, for a reset period that never ends.
pub const INFINITE: u32 = u32::MAX;
