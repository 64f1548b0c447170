package rcuser_test

import (
	"context"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// atOnceAttempt is one that the rate delays by less than a nanosecond, so that only the limiter's own work is measured.
func atOnceAttempt() rcuser.LimitedAttempt {
	return rcuser.LimitedAttempt{Endpoint: banPath, PerSecond: math.MaxInt32, Units: 1, MaxUnits: 1}
}

func BenchmarkLimiterWait(b *testing.B) {
	limiter, attempt := rcuser.NewLimiter(rcuser.LimiterOptions{}), atOnceAttempt()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		_ = limiter.Wait(ctx, attempt)
	}
}

// BenchmarkLimiterWaitContended lets 8 goroutines wait.
func BenchmarkLimiterWaitContended(b *testing.B) {
	limiter, attempt := rcuser.NewLimiter(rcuser.LimiterOptions{}), atOnceAttempt()
	b.ReportAllocs()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range b.N / 8 {
				_ = limiter.Wait(b.Context(), attempt)
			}
		})
	}
	group.Wait()
}

// TestWaitAllocatesNothing if it needn't wait. It isn't parallel, because other tests' allocations would count.
func TestWaitAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	limiter, attempt := rcuser.NewLimiter(rcuser.LimiterOptions{}), atOnceAttempt()
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = limiter.Wait(t.Context(), attempt) }))
}
