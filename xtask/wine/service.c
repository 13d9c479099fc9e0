/*
 * The smallest service that mingw builds, by its options: a fixture of the tests, and, without
 * options, what the benchmarks take for the limit. It never ships.
 *
 *   --log FILE          appends a line for each thing that happens
 *   --checkpoints N     reports N checkpoints while it starts, one every --step milliseconds
 *   --step MS           see above and below; 50 by default
 *   --slow-stop N       reports N checkpoints while it stops
 *   --pause             accepts pause and continue
 *   --parameters        accepts a change of parameters
 *   --preshutdown       accepts preshutdown
 *   --fail CODE         stops with that exit code instead of running
 *   --fail-own CODE     stops with that service-specific exit code instead of running
 *   --exit-own CODE     ends with that service-specific exit code when it is stopped
 *   --child             starts a child process, which waits for ever
 *   --deaf              never connects to the service control manager
 */
#include <windows.h>

static struct {
    const wchar_t *log;
    DWORD checkpoints, step, slow_stop, fail, fail_own, exit_own, accepted;
    BOOL child, deaf, wait;
} options = {.step = 50, .accepted = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN};

static SERVICE_STATUS_HANDLE service;
static SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS};
static HANDLE stopping;

static void note(const wchar_t *what, const wchar_t *detail)
{
    wchar_t line[1024];
    char bytes[3072];
    DWORD written;
    int length;

    if (!options.log)
        return;
    HANDLE file = CreateFileW(options.log, FILE_APPEND_DATA,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return;
    lstrcpynW(line, what, 64);
    lstrcatW(line, L" ");
    lstrcpynW(line + lstrlenW(line), detail, 900);
    lstrcatW(line, L"\n");
    length = WideCharToMultiByte(CP_UTF8, 0, line, -1, bytes, sizeof bytes, NULL, NULL);
    /* Without the NUL, and in one piece: two threads may write. */
    WriteFile(file, bytes, length - 1, &written, NULL);
    CloseHandle(file);
}

static void note_number(const wchar_t *what, DWORD number)
{
    wchar_t digits[16];

    wsprintfW(digits, L"%lu", number);
    note(what, digits);
}

static void report(DWORD state, DWORD accepted)
{
    status.dwCurrentState = state;
    status.dwControlsAccepted = accepted;
    status.dwCheckPoint = 0;
    status.dwWaitHint = 0;
    SetServiceStatus(service, &status);
}

static void report_steps(DWORD state, DWORD count)
{
    for (DWORD step = 1; step <= count; step++) {
        status.dwCurrentState = state;
        status.dwControlsAccepted = 0;
        status.dwCheckPoint = step;
        status.dwWaitHint = 3000;
        SetServiceStatus(service, &status);
        Sleep(options.step);
    }
}

static DWORD WINAPI handle(DWORD control, DWORD type, void *data, void *context)
{
    (void)type, (void)data, (void)context;
    note_number(L"control", control);
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN:
        report(SERVICE_STOP_PENDING, 0);
        SetEvent(stopping);
        return NO_ERROR;
    case SERVICE_CONTROL_PAUSE:
        report(SERVICE_PAUSED, options.accepted);
        return NO_ERROR;
    case SERVICE_CONTROL_CONTINUE:
        report(SERVICE_RUNNING, options.accepted);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        SetServiceStatus(service, &status);
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        return NO_ERROR;
    default:
        return control >= 128 ? NO_ERROR : ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static void start_child(void)
{
    wchar_t line[MAX_PATH + 16] = L"\"";
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION child;

    GetModuleFileNameW(NULL, line + 1, MAX_PATH);
    lstrcatW(line, L"\" --wait");
    if (!CreateProcessW(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &child))
        return;
    note_number(L"child", child.dwProcessId);
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
}

static void end(DWORD code, DWORD own)
{
    status.dwWin32ExitCode = own ? ERROR_SERVICE_SPECIFIC_ERROR : code;
    status.dwServiceSpecificExitCode = own;
    note(L"stopped", L"");
    report(SERVICE_STOPPED, 0);
}

static void WINAPI run(DWORD count, wchar_t **arguments)
{
    stopping = CreateEventW(NULL, TRUE, FALSE, NULL);
    service = RegisterServiceCtrlHandlerExW(arguments[0], handle, NULL);
    for (DWORD i = 0; i < count; i++)
        note(L"argument", arguments[i]);
    if (options.child)
        start_child();
    report_steps(SERVICE_START_PENDING, options.checkpoints);
    if (options.fail || options.fail_own) {
        end(options.fail, options.fail_own);
        return;
    }
    note(L"running", L"");
    report(SERVICE_RUNNING, options.accepted);
    WaitForSingleObject(stopping, INFINITE);
    report_steps(SERVICE_STOP_PENDING, options.slow_stop);
    end(NO_ERROR, options.exit_own);
}

static void read_options(int count, wchar_t **arguments)
{
    struct {
        const wchar_t *name;
        DWORD *number;
    } numbers[] = {
        {L"--checkpoints", &options.checkpoints}, {L"--step", &options.step},
        {L"--slow-stop", &options.slow_stop},     {L"--fail", &options.fail},
        {L"--fail-own", &options.fail_own},       {L"--exit-own", &options.exit_own},
    };

    for (int i = 1; i < count; i++) {
        const wchar_t *next = i + 1 < count ? arguments[i + 1] : L"";
        if (!lstrcmpW(arguments[i], L"--log"))
            options.log = next;
        else if (!lstrcmpW(arguments[i], L"--pause"))
            options.accepted |= SERVICE_ACCEPT_PAUSE_CONTINUE;
        else if (!lstrcmpW(arguments[i], L"--parameters"))
            options.accepted |= SERVICE_ACCEPT_PARAMCHANGE;
        else if (!lstrcmpW(arguments[i], L"--preshutdown"))
            options.accepted |= SERVICE_ACCEPT_PRESHUTDOWN;
        else if (!lstrcmpW(arguments[i], L"--child"))
            options.child = TRUE;
        else if (!lstrcmpW(arguments[i], L"--deaf"))
            options.deaf = TRUE;
        else if (!lstrcmpW(arguments[i], L"--wait"))
            options.wait = TRUE;
        for (unsigned n = 0; n < sizeof numbers / sizeof *numbers; n++)
            if (!lstrcmpW(arguments[i], numbers[n].name))
                *numbers[n].number = wcstoul(next, NULL, 10);
    }
}

int wmain(int count, wchar_t **arguments)
{
    SERVICE_TABLE_ENTRYW table[] = {{(wchar_t *)L"", run}, {NULL, NULL}};

    read_options(count, arguments);
    if (options.deaf || options.wait)
        Sleep(INFINITE);
    return StartServiceCtrlDispatcherW(table) ? 0 : (int)GetLastError();
}
