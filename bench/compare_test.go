package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1, 2}, 2},
		{[]float64{1.25, 0.5, 9, 1, 1.5}, 1.25},
	} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestPercentile99(t *testing.T) {
	for _, test := range []struct{ count, want int }{{1, 1}, {2, 2}, {99, 99}, {100, 99}, {101, 100}, {400, 396}} {
		durations := make([]time.Duration, test.count) // count, count-1 ... 1
		for i := range durations {
			durations[i] = time.Duration(test.count - i)
		}
		if got := percentile99(durations); got != time.Duration(test.want) {
			t.Errorf("of %d durations it is number %d, want %d", test.count, got, test.want)
		}
	}
}

func TestParallelMakesEachCallOnce(t *testing.T) {
	var calls atomic.Int64
	parallel(8, 100, func(context.Context) error { calls.Add(1); return nil })
	if calls.Load() != 100 {
		t.Errorf("%d calls, want 100", calls.Load())
	}
}
