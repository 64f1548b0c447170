package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsageErrors(t *testing.T) {
	server := startService(t)
	ids := writeFile(t, "a")
	for _, command := range [][]string{
		{"bann"},
		{"blocklist", "snyc"},
		{"ban", "--file", ids},
		{"ban", "--for", "1h"},
		{"ban", "--for", "soon", "--file", ids},
		{"ban", "--for", "90s", "--file", ids},
		{"unban", ids},
		{"unban", "--file", ids, "--file", ids}, // not only the second one
		{"blocklist", "sync", "--owner", "a", "--owner", "b", "--file", ids},
		{"blocklist", "sync", "--owners", ids, "--owners", ids},
		{"unban", "--file", ids, "--stop-after", "-1"},
		{"unban", "--file", ids, "--paced"},
		{"online"},
		{"online", "a", "--file", ids},
		{"banned", "--format", "xml"},
		{"online", "a", "--format", "xml"},
		{"deactivate", "--file", ids},
		{"blocklist", "sync"},
		{"blocklist", "sync", "--owner", "a"},
		{"blocklist", "sync", "--owner", "a", "--owners", ids},
		{"blocklist", "sync", "--owners", ids, "--file", ids},
		{"blocklist", "sync", "--owner", strings.Repeat("x", 65), "--file", ids},
		{"expire-tokens", "--file", ids, "--before", "noon"},
		{"expire-tokens", "--file", ids, "--journal", "x"},
	} {
		got := do(t, command...)
		require.Equal(t, statusUsage, got.status, "%q: %s", command, got.errOut)
		require.Contains(t, got.errOut, " --help\n")
		require.Empty(t, got.out)
	}
	require.Empty(t, server.Requests())
	require.Equal(t, statusFailed, do(t, "unban", "--file", "no-such-file").status)
}

// unreadable fails the test if a command reads from it.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("standard input was read")
	return 0, errNoTerminal
}

func TestConfigurationIsCheckedFirst(t *testing.T) {
	startService(t)
	for name, wrong := range map[string][3]string{
		"RC_APP_KEY":     {"RC_APP_KEY", "", "RC_APP_KEY"},
		"RC_APP_SECRET":  {"RC_APP_SECRET", "", "RC_APP_SECRET"},
		"RC_DATA_CENTER": {"RC_DATA_CENTER", "Atlantis", "Beijing, Singapore, SingaporeB, NorthAmerica, SaudiArabia"},
		"RC_BASE_URL":    {"RC_BASE_URL", "http://example.com", "http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(wrong[0], wrong[1])
			for _, command := range [][]string{
				{"banned"},
				{"banned", "--format", "csv"},
				{"banned", "--format", "json"},
				{"online", "--file", "-"},
				{"ban", "--for", "1h", "--file", "-"},
				{"deactivate", "--file", "no-such-file"},
				{"blocklist", "sync", "--owner", "a", "--file", "-"},
				{"allowlist", "sync", "--owners", "-"},
			} {
				got := runWithInput(t.Context(), unreadable{t}, command...)
				require.Equal(t, statusUsage, got.status, command)
				require.Empty(t, got.out, command)
				require.Contains(t, got.errOut, wrong[2], command)
			}
		})
	}
}

// TestWrongFlagsAreReportedBeforeReading has a value that only the SDK knows to be wrong.
func TestWrongFlagsAreReportedBeforeReading(t *testing.T) {
	startService(t)
	got := runWithInput(t.Context(), unreadable{t}, "ban", "--for", "721h", "--file", "-")
	require.Equal(t, statusUsage, got.status)
}

func TestNothingIsSuggested(t *testing.T) {
	startService(t)
	for _, typo := range []string{"unbann", "reactivat", "deactivat", "block", "ba", "band", "allow", "expire", "un", "d", "re"} {
		got := do(t, typo, "--file", writeFile(t, "a"))
		require.Equal(t, statusUsage, got.status, typo)
		require.Empty(t, got.out)
		text := strings.ReplaceAll(got.errOut, `"`+typo+`"`, "")
		for _, command := range []string{"ban", "activate", "list", "expire", "sync", "mean"} {
			require.NotContains(t, text, command, typo)
		}
	}
}

func TestHelpNamesTheEnvironment(t *testing.T) {
	for _, command := range [][]string{
		{"--help"},
		{"ban", "--help"},
		{"blocklist", "--help"},
		{"allowlist", "sync", "--help"},
		{"help", "reactivate"},
	} {
		got := do(t, command...)
		require.Zero(t, got.status, command)
		for _, text := range []string{"RC_APP_KEY", "RC_APP_SECRET", "RC_DATA_CENTER", "SaudiArabia", "RC_BASE_URL", "export RC_APP_KEY=... "} {
			require.Contains(t, got.out, text, command)
		}
		_, environment, _ := strings.Cut(got.out, "\nEnvironment")
		for line := range strings.Lines(environment) {
			require.LessOrEqual(t, len(line), 81)
		}
	}
}

func TestFakeIsPopulated(t *testing.T) {
	got := do(t, "ban", "--fake", "--for", "24h")
	require.Zero(t, got.status, got.errOut)
	require.Contains(t, got.errOut, "total 10000, done 10000,")
	require.Equal(t, 101, strings.Count(do(t, "banned", "--fake").out, "\n"))
	require.Contains(t, do(t, "online", "--fake", "user00003").out, "true")
	got = runWithInput(t.Context(), strings.NewReader("user00001\nx\n"), "blocklist", "sync", "--fake", "--owner", "u1", "--file", "-", "--dry-run")
	require.Equal(t, 40, strings.Count(got.out, "\n"))
}
