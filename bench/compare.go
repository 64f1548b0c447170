package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// comparison is what the second of two benchmarks costs relative to the first: medians of the rounds' ratios.
type comparison struct {
	time, allocs float64
	result       testing.BenchmarkResult // of the second benchmark, in the last round
}

// compare runs both benchmarks once a round and alternates which of them is first.
func compare(rounds int, first, second func(*testing.B)) comparison {
	benchmarks := [2]func(*testing.B){first, second}
	var times, allocs []float64
	var results [2]testing.BenchmarkResult
	for round := range rounds {
		for i := range benchmarks {
			at := (i + round) % 2
			results[at] = testing.Benchmark(benchmarks[at])
		}
		times = append(times, timePerOp(results[1])/timePerOp(results[0]))
		allocs = append(allocs, float64(results[1].AllocsPerOp())/float64(results[0].AllocsPerOp()))
	}
	return comparison{median(times), median(allocs), results[1]}
}

// timePerOp is NsPerOp without its rounding to whole nanoseconds.
func timePerOp(r testing.BenchmarkResult) float64 { return float64(r.T) / float64(r.N) }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// percentile99 returns the smallest of the durations that at least 99 % of them don't exceed.
func percentile99(durations []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[(len(sorted)*99+99)/100-1]
}

// sequence calls do b.N times, one call after the other.
func sequence(do func(context.Context) error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		ctx := context.Background()
		for b.Loop() {
			if err := do(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// parallel calls do as often as calls says, from several goroutines at a time.
func parallel(goroutines, calls int, do func(context.Context) error) {
	var group sync.WaitGroup
	var started atomic.Int64
	for range goroutines {
		group.Go(func() {
			for int(started.Add(1)) <= calls {
				if err := do(context.Background()); err != nil {
					panic(err)
				}
			}
		})
	}
	group.Wait()
}
