package loop_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/loop"
)

// script waits as listed before its attempts, and notes when each is made.
type script struct {
	waits    []time.Duration
	start    time.Time
	attempts []time.Duration
	decided  int
}

func (s *script) Attempt(context.Context) { s.attempts = append(s.attempts, time.Since(s.start)) }

func (s *script) Next(context.Context) (time.Duration, bool) {
	if s.decided == len(s.waits) {
		return 0, false
	}
	s.decided++
	return s.waits[s.decided-1], true
}

func TestRunMakesTheAttemptsThatNextAsksFor(t *testing.T) {
	t.Parallel()
	for _, waits := range [][]time.Duration{nil, {0}, {time.Second, 0, 24 * time.Hour}, slices.Repeat([]time.Duration{time.Minute}, 50)} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{waits: waits, start: time.Now()}
			require.False(t, loop.Run(t.Context(), s))
			var want []time.Duration
			total := time.Duration(0)
			for _, wait := range waits {
				total += wait
				want = append(want, total)
			}
			require.Equal(t, want, s.attempts, "the first attempt was made before")
		})
	}
}

func TestRunEndsWithItsContextDuringAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		s := &script{waits: []time.Duration{time.Minute, time.Minute}, start: time.Now()}
		require.True(t, loop.Run(ctx, s))
		require.Equal(t, 90*time.Second, time.Since(s.start))
		require.Equal(t, []time.Duration{time.Minute}, s.attempts)
	})
}

// TestRunLeavesTheContextToTheCall has it end before the first decision: whether to go on is for Next to say.
func TestRunLeavesTheContextToTheCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &script{}
	require.False(t, loop.Run(ctx, s))
	require.Empty(t, s.attempts)
}
