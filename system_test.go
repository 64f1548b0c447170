package rcuser_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/f0207b22/rcuser/internal/systemtest"
	"github.com/f0207b22/rcuser/rctest"
)

// The tests here run over the rows that the resources' test files register.

func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	systemtest.Matrix(t)
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	systemtest.Concurrency(t)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	systemtest.Misuse(t)
}

func TestSource(t *testing.T) {
	t.Parallel()
	systemtest.Source(t, ".")
}

func TestImports(t *testing.T) {
	t.Parallel()
	systemtest.Imports(t, ".")
}

func FuzzCalls(f *testing.F) { systemtest.FuzzCalls(f) }

func FuzzSignature(f *testing.F) { systemtest.FuzzSignature(f) }

func FuzzAnswers(f *testing.F) { systemtest.FuzzAnswers(f) }

// TestDocumentedExamples makes the calls that the documentation shows, and gives them its answers.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	for _, row := range systemtest.Rows() {
		for _, example := range row.Examples {
			t.Run(row.Path, func(t *testing.T) {
				t.Parallel()
				requireExample(t, row.Path, example)
			})
		}
	}
}

func requireExample(t *testing.T, path string, example systemtest.Example) {
	t.Helper()
	require.NotEmpty(t, example.Source)
	mock := newMock(t)
	mock.RegisterResponder(http.MethodPost, "https://api.rong-api.com"+path,
		httpmock.NewStringResponder(http.StatusOK, example.Answer))
	client, tap := newClient(t, mock.RoundTrip)
	before := time.Now().UnixMilli()
	got, err := example.Call(t.Context(), client)
	require.NoError(t, err)
	require.Equal(t, example.Want, got)
	require.Len(t, tap.requests(), 1)
	requireSigned(t, tap.requests()[0], before)
	require.Equal(t, example.Body, tap.requests()[0].Body)
	if !example.FormNotShown { // compared without the order of the keys
		shown, err := url.ParseQuery(example.Form)
		require.NoError(t, err)
		sent, err := url.ParseQuery(tap.requests()[0].Body)
		require.NoError(t, err)
		require.Equal(t, shown, sent)
	}
}

// TestModel makes random calls and compares what the client returns, and what the fake then holds, with a plain model
// of RC's rules. Time passes on the bubble's clock and on the fake's.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() { failure = recover() }() // rapid must get the panic outside of the bubble, to reduce the failure
			m := systemtest.NewModel(chooser{r})
			defer m.Server.Close()
			actions := map[string]func(*rapid.T){"": func(*rapid.T) { m.Check() }}
			for name, step := range m.Steps() {
				actions[name] = func(*rapid.T) { step() }
			}
			r.Repeat(actions)
		})
		switch name := fmt.Sprintf("%T", failure); name {
		case "<nil>":
		case "rapid.invalidData": // the random data ran out; rapid tells panics apart by their line
			panic(failure)
		default:
			panic(failure)
		}
	})
}

// chooser makes a model's choices with rapid.
type chooser struct{ *rapid.T }

func (c chooser) Choose(label string, n int) int { return rapid.IntRange(0, n-1).Draw(c.T, label) }

func (c chooser) Text(label string, shortest, longest int) string {
	return rapid.StringN(shortest, longest, -1).Draw(c.T, label)
}

// TestSoak makes random calls in several goroutines while faults are injected, clocks advance and contexts end.
func TestSoak(t *testing.T) {
	skipUnderRace(t)
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		plans := rapid.SliceOfN(rapid.SliceOfN(soakStep, 1, 12), 3, 3).Draw(r, "plans")
		faults := rapid.SliceOfN(soakFault, 0, 6).Draw(r, "faults")
		hosts := rapid.IntRange(1, 2).Draw(r, "hosts")
		var wrong error
		synctest.Test(t, func(t *testing.T) { wrong = systemtest.Soak(t.Context(), plans, faults, hosts) })
		if wrong != nil {
			r.Fatal(wrong)
		}
	})
}

var soakStep = rapid.Custom(func(r *rapid.T) systemtest.SoakStep {
	return systemtest.SoakStep{
		Switch:  rapid.SampledFrom(systemtest.SwitchNames()).Draw(r, "switch"),
		On:      rapid.Bool().Draw(r, "on"),
		Timeout: rapid.SampledFrom([]time.Duration{time.Hour, time.Minute, 6 * time.Second, time.Second, 0}).Draw(r, "timeout"),
		Pause:   rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute}).Draw(r, "pause"),
	}
})

var soakFault = rapid.Custom(func(r *rapid.T) rctest.Fault {
	f := rapid.SampledFrom(systemtest.FaultCases).Draw(r, "fault").Fault
	f.Host = rapid.SampledFrom([]rctest.Host{rctest.AnyHost, rctest.PrimaryHost, rctest.BackupHost}).Draw(r, "host")
	f.Times = rapid.SampledFrom([]int{1, 2, 5, rctest.Always}).Draw(r, "times")
	f.Probability = rapid.SampledFrom([]float64{0.2, 0.5, 1}).Draw(r, "probability")
	f.Seed = rapid.Uint64().Draw(r, "seed")
	return f
})
