//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// TestMain lets the test binary be the program, so that the tests in this file can start it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("MODERATION_PROCESS") != "" {
		main()
	}
	os.Exit(m.Run())
}

const patience = 30 * time.Second // for what takes milliseconds on an idle machine

// process is the program as a process of its own.
type process struct {
	*exec.Cmd
	t           *testing.T
	out, errOut bytes.Buffer // of pipes
	ended       chan struct{}
}

func newProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], args...), t: t, ended: make(chan struct{})}
	p.Env = append(os.Environ(), "MODERATION_PROCESS=1")
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without the terminal of the tests
	return p
}

// start starts the process with pipes.
func (p *process) start() *process {
	p.t.Helper()
	p.Stdout, p.Stderr = &p.out, &p.errOut
	require.NoError(p.t, p.Start())
	p.reap()
	return p
}

func (p *process) reap() {
	go func() {
		defer close(p.ended)
		_ = p.Wait()
	}()
}

// status waits for the end of the process and returns its exit status, or -1 if a signal ended it.
func (p *process) status() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(patience):
		require.Fail(p.t, "the process doesn't end")
		return 0
	}
}

// terminal is a pseudo-terminal on which a process runs.
type terminal struct {
	*process
	tty    *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
	closed chan struct{}
}

// onTerminal starts a process on a terminal. stdin is its standard input, nil for the terminal.
func onTerminal(p *process, columns uint16, stdin io.Reader) *terminal {
	p.t.Helper()
	p.Stdin = stdin
	attrs := &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 2}
	tty, err := pty.StartWithAttrs(p.Cmd, &pty.Winsize{Rows: 24, Cols: columns}, attrs)
	require.NoError(p.t, err)
	term := &terminal{process: p, tty: tty, closed: make(chan struct{})}
	p.t.Cleanup(func() { _ = tty.Close() })
	p.reap()
	go func() {
		defer close(term.closed)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			term.mu.Lock()
			term.shown.Write(buf[:n])
			term.mu.Unlock()
			if err != nil { // Linux: EIO when the process has ended
				return
			}
		}
	}()
	return term
}

// screen returns everything that was shown so far.
func (t *terminal) screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

func (t *terminal) waitFor(text string) {
	t.t.Helper()
	require.Eventually(t.t, func() bool { return strings.Contains(t.screen(), text) }, patience, time.Millisecond, "%s", text)
}

func (t *terminal) typeText(text string) {
	t.t.Helper()
	_, err := io.WriteString(t.tty, text)
	require.NoError(t.t, err)
}

// rest waits for the end of the process and returns everything that was shown, and the exit status.
func (t *terminal) rest() (string, int) {
	t.t.Helper()
	status := t.status()
	select {
	case <-t.closed:
	case <-time.After(patience):
		require.Fail(t.t, "the terminal isn't closed")
	}
	return t.screen(), status
}

const ctrlC, ctrlD = "\x03", "\x04"

func TestPipesGetNoBar(t *testing.T) {
	p := newProcess(t, "ban", "--fake", "--for", "24h").start()
	require.Zero(t, p.status(), p.errOut.String())
	require.Empty(t, p.out.String())
	require.Regexp(t, `^ban: total 10000, done 10000, failed 0, unknown 0, not started 0, in \S+\n$`, p.errOut.String())

	p = newProcess(t, "banned", "--fake", "--format", "csv").start()
	require.Zero(t, p.status())
	require.Regexp(t, `^user,until\n(user\d{5},\S+Z\n){100}$`, p.out.String())
	require.Equal(t, "100 users are banned\n", p.errOut.String())
}

// escapes are what moves the cursor or erases.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

func TestBarFitsTheTerminal(t *testing.T) {
	for _, columns := range []uint16{80, 30, 20} {
		p := newProcess(t, "ban", "--fake", "--for", "24h")
		shown, status := onTerminal(p, columns, nil).rest()
		require.Zero(t, status, shown)
		require.NotRegexp(t, "\x1b\\[[0-9;]*m", shown, "no colours")
		if columns >= 30 {
			require.Regexp(t, `ban +0% \|`, shown)
		} else {
			require.NotContains(t, shown, "%", "it is too narrow for a bar")
		}
		frames, summary, found := strings.Cut(shown, "ban: total 10000, done 10000,")
		require.True(t, found, shown)
		require.NotContains(t, summary, "%")
		require.NotContains(t, frames, "\n", "the bar stays on its line")
		for frame := range strings.SplitSeq(frames, "\r") {
			require.LessOrEqual(t, len([]rune(escapes.ReplaceAllString(frame, ""))), int(columns), "%q", frame)
		}
	}
}

func TestBarIsShortened(t *testing.T) {
	for columns, want := range map[uint16]string{
		200: "ban, 1234/s, 7 failed, 1h0m0s left",
		58:  "ban, 1234/s, 7 failed",
		44:  "ban, 1234/s",
		33:  "ban",
		20:  "",
	} {
		screen, tty, err := pty.Open()
		require.NoError(t, err)
		require.NoError(t, pty.Setsize(screen, &pty.Winsize{Rows: 24, Cols: columns}))
		b := &bar{name: "ban", count: 10_000, file: tty}
		require.Equal(t, want, b.describe(rcuser.BulkProgress{Done: 1, Failed: 7, Rate: 1234, Left: time.Hour}), columns)
		require.NoError(t, tty.Close())
		require.NoError(t, screen.Close())
	}
}

func TestDataAndBarDoNotMix(t *testing.T) {
	shown, status := onTerminal(newProcess(t, "online", "--fake", "user00001", "user00003"), 80, nil).rest()
	require.Zero(t, status)
	require.NotContains(t, shown, "%")
	require.Regexp(t, `^user +online\r\n(user\d+ +(true|false)\r\n){2}online: total 2, done 2,`, shown)
}

func TestQuestionOnATerminal(t *testing.T) {
	for _, c := range []struct {
		typed  string
		status int
		shown  string
	}{
		{"y\n", 0, "deactivate: total 2, done 2,"},
		{"n\n", statusFailed, "not confirmed; nothing was changed"},
		{"\n", statusFailed, "not confirmed; nothing was changed"},
		{ctrlD, statusFailed, "not confirmed; nothing was changed"},
		{ctrlC, statusInterrupted, "interrupted"},
	} {
		server := startService(t)
		for _, stdin := range []io.Reader{nil, strings.NewReader("a\nb\n")} {
			file := "-"
			if stdin == nil {
				file = writeFile(t, "a", "b")
			}
			term := onTerminal(newProcess(t, "deactivate", "--file", file), 80, stdin)
			term.waitFor("[y/N] ")
			require.Contains(t, term.screen(), "deactivate: 2 users of app rcte... (127.0.0.1:")
			if c.status != 0 {
				require.Empty(t, server.Requests())
			}
			term.typeText(c.typed)
			shown, status := term.rest()
			require.Equal(t, c.status, status, "%q: %s", c.typed, shown)
			require.Contains(t, shown, c.shown)
			require.Equal(t, 1, strings.Count(shown, "[y/N]"))
		}
		require.Equal(t, c.status == 0, server.User("a").Deactivated)
	}
}

func TestNoTerminalToAskOn(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a")
	for _, command := range [][]string{
		{"deactivate", "--file", ids},
		{"expire-tokens", "--file", ids},
		{"allowlist", "sync", "--owner", "u1", "--file", ids},
		{"blocklist", "sync", "--owners", writeFile(t, "owner,user", "u1,a")},
	} {
		p := newProcess(t, command...).start()
		require.Equal(t, statusUsage, p.status(), command)
		require.Contains(t, p.errOut.String(), "there is no terminal to ask on")
	}
	require.Empty(t, server.User("u1").Blocklist)

	p := newProcess(t)
	p.Path, p.Args = "/bin/sh", []string{"sh", "-c", `set -m; "$0" deactivate --file "$1" & wait $!`, os.Args[0], ids}
	shown, status := onTerminal(p, 80, nil).rest()
	require.Equal(t, statusUsage, status, "in the background: %s", shown)
	require.Contains(t, shown, "there is no terminal to ask on")
	require.False(t, server.User("a").Deactivated)
}

func TestIDsTypedOnATerminal(t *testing.T) {
	server := startService(t)
	term := onTerminal(newProcess(t, "unban", "--file", "-"), 80, nil)
	term.typeText("a\nb\n" + ctrlD)
	shown, status := term.rest()
	require.Zero(t, status, shown)
	require.Contains(t, shown, "unban: total 2, done 2,")
	require.Equal(t, []string{"a", "b"}, sentIDs(server))
}

// TestSignalsKeepTheJournal interrupts a ban in every way, and then does the rest.
func TestSignalsKeepTheJournal(t *testing.T) {
	for name, interrupt := range map[string]func(*terminal){
		"Ctrl-C":  func(term *terminal) { term.typeText(ctrlC) },
		"SIGINT":  func(term *terminal) { require.NoError(t, term.Process.Signal(syscall.SIGINT)) },
		"SIGTERM": func(term *terminal) { require.NoError(t, term.Process.Signal(syscall.SIGTERM)) },
		"SIGHUP":  func(term *terminal) { require.NoError(t, term.Process.Signal(syscall.SIGHUP)) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "SIGHUP" {
				needHangup(t)
			}
			server := startService(t)
			ids := slices.Collect(fakeIDs(1, 2000))
			command := []string{"ban", "--for", "24h", "--file", writeFile(t, ids...), "--journal", filepath.Join(t.TempDir(), "run.log")}
			term := onTerminal(newProcess(t, command...), 80, nil)
			require.Eventually(t, func() bool { return len(server.Requests()) > 3 }, patience, time.Millisecond)
			interrupt(term)
			shown, status := term.rest()
			require.Equal(t, statusInterrupted, status, shown)
			require.Contains(t, shown, "Run the same command again to do the rest.\r\ninterrupted\r\n")
			require.Less(t, len(sentIDs(server)), 2000)

			p := newProcess(t, command...).start()
			require.Zero(t, p.status(), p.errOut.String())
			require.Contains(t, p.errOut.String(), "total 2000, done 2000,")
			require.Equal(t, ids, slices.Sorted(slices.Values(sentIDs(server))), "every id is sent once")
		})
	}
}

// needHangup skips a test of SIGHUP if the tests were started with that signal ignored, as by nohup: so is the program then.
func needHangup(t *testing.T) {
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("SIGHUP is ignored here")
	}
}

// TestSecondSignalEndsAtOnce has an RC that never answers.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	server := startService(t)
	server.Inject(rctest.Fault{Kind: rctest.Hang, Times: rctest.Always})
	p := newProcess(t, "unban", "--file", writeFile(t, "a")).start()
	require.Eventually(t, func() bool { return len(server.Requests()) > 0 }, patience, time.Millisecond)
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		select {
		case <-p.ended:
			return true
		default:
			_ = p.Process.Signal(syscall.SIGTERM)
			return false
		}
	}, patience, 10*time.Millisecond)
	state, _ := p.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, state.Signaled(), "%v %s", p.ProcessState, p.errOut.String())
	require.Equal(t, syscall.SIGTERM, state.Signal())
}

// TestIgnoredSignalsStayIgnored starts the program as nohup does.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	server := startService(t)
	p := newProcess(t)
	p.Path = "/bin/sh"
	p.Args = []string{"sh", "-c", `trap "" HUP INT; exec "$0" unban --file "$1"`, os.Args[0], writeFile(t, slices.Collect(fakeIDs(1, 400))...)}
	p.start()
	require.Eventually(t, func() bool { return len(server.Requests()) > 0 }, patience, time.Millisecond)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Zero(t, p.status(), p.errOut.String())
	require.Contains(t, p.errOut.String(), "total 400, done 400,")
}

func TestBrokenPipe(t *testing.T) {
	p := newProcess(t, "online", "--fake", "--format", "csv")
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	p.Stderr = &p.errOut
	require.NoError(t, p.Start())
	first, err := bufio.NewReaderSize(out, 16).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "user,online\n", first)
	require.NoError(t, out.Close())
	p.reap()
	require.Equal(t, -1, p.status(), "as other programs: a signal ends it")
	state, _ := p.ProcessState.Sys().(syscall.WaitStatus)
	require.Equal(t, syscall.SIGPIPE, state.Signal())
	require.Empty(t, p.errOut.String())
}

// TestInputThatNeverEnds has a named pipe with a writer who writes nothing, and a file without an end.
func TestInputThatNeverEnds(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("without /proc the test can't know when the program reads")
	}
	server := startService(t)
	fifo := namedPipe(t)
	writer, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { _ = writer.Close() }()
	for _, command := range [][]string{
		{"unban", "--file", fifo},
		{"blocklist", "sync", "--owners", fifo},
		{"unban", "--file", "/dev/zero"},
	} {
		p := newProcess(t, command...).start()
		require.Eventually(t, func() bool { return hasOpen(p, command[len(command)-1]) }, patience, time.Millisecond)
		require.NoError(t, p.Process.Signal(syscall.SIGINT))
		require.Equal(t, statusInterrupted, p.status())
		require.Equal(t, "interrupted\n", p.errOut.String())
	}
	require.Empty(t, server.Requests())
}

func namedPipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ids")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

func hasOpen(p *process, path string) bool {
	folder := "/proc/" + strconv.Itoa(p.Process.Pid) + "/fd"
	files, _ := os.ReadDir(folder)
	return slices.ContainsFunc(files, func(file os.DirEntry) bool {
		target, err := os.Readlink(filepath.Join(folder, file.Name()))
		return err == nil && target == path
	})
}

// TestPipeThatNobodyWrites is interrupted while it opens a named pipe.
func TestPipeThatNobodyWrites(t *testing.T) {
	path := namedPipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	opening := make(chan struct{})
	r, stop := readUntilDone(ctx, func(w io.Writer) error {
		close(opening)
		return readFile(w, path)
	})
	defer stop()
	<-opening
	cancel()
	_, err := r.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	writer, err := os.OpenFile(path, os.O_RDWR, 0) // lets the goroutine end
	require.NoError(t, err)
	require.NoError(t, writer.Close())
}

func TestExitStatuses(t *testing.T) {
	startService(t)
	ids := writeFile(t, "a")
	for status, commands := range map[int][][]string{
		0:            {{"unban", "--file", ids}, {"--help"}, {"online", "a"}, {"deactivate", "--file", ids, "--dry-run"}},
		statusFailed: {{"unban", "--file", "no-such-file"}},
		statusUsage:  {{"unbann"}, {"ban", "--file", ids}, {"unban", "--file", os.DevNull}, {"online", `"a"`}, {"deactivate", "--file", ids}},
	} {
		for _, command := range commands {
			p := newProcess(t, command...).start()
			require.Equal(t, status, p.status(), "%q: %s", command, p.errOut.String())
		}
	}
}
