package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// asService makes the program take a fake on a loopback port for the real service.
func asService(t *testing.T) *rctest.Server {
	t.Helper()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"RC_APP_KEY": server.Credentials().AppKey, "RC_APP_SECRET": server.Credentials().AppSecret,
		"RC_DATA_CENTER": "singapore", "RC_BASE_URL": server.Listen(), "RC_BACKUP_URL": "",
	} {
		t.Setenv(name, value)
	}
	return server
}

// left returns what the program said at its end, with "ID" for what is random in the ids, and the ids.
func left(t *testing.T, out string) (text, alice, bob string) {
	t.Helper()
	own := regexp.MustCompile(`quickstart[A-Z2-7]{8}`).FindString(out)
	require.NotEmpty(t, own)
	_, text, found := strings.Cut(out, "\nWhat this run leaves on the app:\n")
	require.True(t, found, out)
	return strings.ReplaceAll(text, own, "ID"), own + "alice", own + "bob"
}

const deactivatedText = `, deactivated: RC deletes the data within 15 minutes and
   keeps the id in its list of deactivated users. No call removes an id from there but a reactivation.
`

const bothDeactivated = "   IDalice and IDbob" + deactivatedText

const nothingElse = "   Nothing else: no ban, no entry of a blocklist or an allowlist.\n"

func TestSaysWhatItLeaves(t *testing.T) {
	server := asService(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	text, alice, bob := left(t, out.String())
	require.Equal(t, bothDeactivated+nothingElse, text)
	require.True(t, server.User(alice).Deactivated)
	require.True(t, server.User(bob).Deactivated)
}

// TestSaysWhatItLeavesAfterAnError: RC refuses calls for the app from some step on; 1007 is never repeated.
func TestSaysWhatItLeavesAfterAnError(t *testing.T) {
	const refused = ": rcuser: POST PATH: 1007 injected "
	for _, test := range []struct {
		name   string
		faults []string // paths that are refused
		want   []string // lines, of which each begins so
	}{
		{"before anything", []string{"/user/getToken.json"}, []string{"   Nothing."}},
		{"at the ban", []string{"/user/block.json"}, []string{bothDeactivated + nothingElse}},
		{"at the ban's end", []string{"/user/unblock.json"}, []string{
			bothDeactivated + "   IDbob is banned, for 10 minutes at most" + strings.Replace(refused, "PATH", "/user/unblock.json", 1),
		}},
		{"at the allowlist, and of the clean-up", []string{"/user/whitelist/add.json", "/user/whitesetting/set.json", "/user/blacklist/remove.json"}, []string{
			bothDeactivated + "   IDbob is on the blocklist of IDalice" + strings.Replace(refused, "PATH", "/user/blacklist/remove.json", 1),
		}},
		{"of every deactivation", []string{"/user/deactivate.json"}, []string{
			"   IDalice is registered, until somebody deactivates it" + strings.Replace(refused, "PATH", "/user/deactivate.json", 1),
			"   IDbob is registered, until somebody deactivates it" + strings.Replace(refused, "PATH", "/user/deactivate.json", 1),
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := asService(t)
			for _, path := range test.faults {
				server.Inject(rctest.Fault{Endpoint: path, Code: 1007, Times: rctest.Always})
			}
			var out strings.Builder
			require.Error(t, run(t.Context(), &out))
			text, _, _ := left(t, out.String())
			for _, want := range test.want {
				require.True(t, strings.HasPrefix(text, want), "%s\nwant %s", text, want)
				_, text, _ = strings.Cut(text[len(want)-1:], "\n")
			}
			require.Empty(t, text)
		})
	}
}

// TestCleansUpWhenInterrupted: the context ends during a step.
func TestCleansUpWhenInterrupted(t *testing.T) {
	server := asService(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &trigger{text: "on Alice's allowlist", then: cancel}
	require.ErrorIs(t, run(ctx, out), context.Canceled)
	text, alice, bob := left(t, out.String())
	require.Contains(t, out.String(), "\nInterrupted: cleaning up, for 30s at most.")
	require.Equal(t, bothDeactivated+nothingElse, text)
	for _, id := range []string{alice, bob} {
		user := server.User(id)
		require.True(t, user.Deactivated)
		require.False(t, user.AllowlistEnabled)
		require.Empty(t, user.Allowlist)
		require.Empty(t, user.Blocklist)
	}
}

// TestCleansUpWhatMayHaveHappened: RC bans Bob, but the interrupt comes before its answer.
func TestCleansUpWhatMayHaveHappened(t *testing.T) {
	server := asService(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	banned := make(chan bool, 1)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/user/block.json" {
			server.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(httptest.NewRecorder(), r)
		requests := server.Requests()
		banned <- requests[len(requests)-1].Applied
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(front.Close)
	t.Setenv("RC_BASE_URL", front.URL)
	var out strings.Builder
	require.Error(t, run(ctx, &out))
	require.True(t, <-banned)
	text, _, bob := left(t, out.String())
	require.Equal(t, bothDeactivated+nothingElse, text)
	require.True(t, server.User(bob).BannedUntil.IsZero())
}

// trigger does something when a text is written.
type trigger struct {
	strings.Builder
	text string
	then func()
}

func (w *trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.then()
	}
	return w.Builder.Write(p)
}

// TestInterruptSignal: the program itself, while the ban's answer doesn't come. It can't know whether the ban has taken
// effect, and removes it.
func TestInterruptSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be sent an interrupt on Windows")
	}
	server := asService(t)
	server.Inject(rctest.Fault{Kind: rctest.Hang, Endpoint: "/user/block.json", Times: rctest.Always})
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(cmd.Environ(), "QUICKSTART_AS_PROGRAM=1")
	stderr := &bytes.Buffer{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var out strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stdout, &out))
	for lines.Scan() {
		if strings.Contains(lines.Text(), "before: is Bob online?") { // the ban comes next
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	require.Error(t, cmd.Wait())
	require.Contains(t, stderr.String(), "step 4: ")
	text, _, bob := left(t, out.String())
	require.Equal(t, bothDeactivated+nothingElse, text)
	require.True(t, server.User(bob).BannedUntil.IsZero())
}

// TestCleansUpWhenTheOutputIsClosed: as with "| head -1", and with a terminal that ends and sends SIGHUP several times.
func TestCleansUpWhenTheOutputIsClosed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be sent SIGHUP on Windows")
	}
	for name, hangsUp := range map[string]bool{"closed pipe": false, "end of the terminal": true} {
		t.Run(name, func(t *testing.T) {
			server := asService(t)
			server.Inject(rctest.Fault{HeaderDelay: 50 * time.Millisecond, Times: rctest.Always})
			program, err := os.Executable()
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(cmd.Environ(), "QUICKSTART_AS_PROGRAM=1")
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			lines := bufio.NewScanner(stdout)
			for lines.Scan() && !strings.Contains(lines.Text(), "Alice blocks Bob") { // both are registered
			}
			require.NoError(t, stdout.Close())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			require.Eventually(t, func() bool {
				if hangsUp {
					_ = cmd.Process.Signal(syscall.SIGHUP)
				}
				return len(ended) > 0
			}, time.Minute, 10*time.Millisecond)
			for user := range server.Users() {
				require.True(t, user.Deactivated, user.ID)
				require.True(t, user.BannedUntil.IsZero(), user.ID)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	as := func(arguments ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, arguments...)
		cmd.Env = append(cmd.Environ(), "QUICKSTART_AS_PROGRAM=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := as("--help")
	require.NoError(t, err)
	require.Contains(t, out, "It then says what it leaves on the app: at least the two ids")
	out, err = as("alice")
	require.Error(t, err)
	require.Contains(t, out, "Usage: quickstart\n")
}

func TestMain(m *testing.M) {
	if os.Getenv("QUICKSTART_AS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
