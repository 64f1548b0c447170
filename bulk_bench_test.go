package rcuser_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
)

// inMemoryClient returns a client without a limit whose calls all succeed at once.
func inMemoryClient(b *testing.B) *rcuser.Client {
	client, err := rcuser.NewClient(rcuser.Config{
		AppKey: "key", AppSecret: "secret", DataCenter: rcuser.DataCenter{Primary: "https://rc.invalid"}, Limiter: rcuser.NoLimit,
		HTTPClient: &http.Client{Transport: roundTripFunc(reply(200, success))},
	})
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// BenchmarkBulkMemory streams b.N ids through Bulk.Ban and reports the largest live heap seen. 10,000,000 of them:
//
//	go test -run '^$' -bench BulkMemory -benchtime 10000000x
func BenchmarkBulkMemory(b *testing.B) {
	client := inMemoryClient(b)
	var largest atomic.Uint64
	next := time.Now()
	ids := func(yield func(string, error) bool) {
		for i := range b.N {
			if now := time.Now(); now.After(next) {
				next = now.Add(time.Second)
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				largest.Store(max(largest.Load(), m.HeapAlloc))
			}
			if !yield(fmt.Sprintf("user%d", i), nil) {
				return
			}
		}
	}
	report, err := client.Bulk.Ban(b.Context(), ids, time.Hour, rcuser.BulkOptions{Journal: openJournal(b, b.TempDir()+"/journal")})
	if err != nil || report.Done != b.N {
		b.Fatal(report.Done, err)
	}
	b.ReportMetric(float64(largest.Load())/(1<<20), "MiB-live")
}

// BenchmarkBulkBan bans the same ids by a loop of 64 goroutines and by Bulk.Ban, in turn, without a limit and in memory,
// and reports ids a second. A ratio of 1 would mean that Bulk.Ban costs nothing beyond its calls:
//
//	go test -run '^$' -bench BulkBan -benchtime 20x
func BenchmarkBulkBan(b *testing.B) {
	const n = 40_000
	client := inMemoryClient(b)
	ids := userIDs(n)
	var loop, bulk time.Duration
	for b.Loop() {
		start := time.Now()
		banInLoop(b, client, ids)
		loop += time.Since(start)
		start = time.Now()
		report, err := client.Bulk.Ban(b.Context(), streamOf(ids...), time.Hour, rcuser.BulkOptions{})
		bulk += time.Since(start)
		if err != nil || report.Done != n {
			b.Fatal(report.Done, err)
		}
	}
	b.ReportMetric(float64(b.N*n)/loop.Seconds(), "loop-ids/s")
	b.ReportMetric(float64(b.N*n)/bulk.Seconds(), "bulk-ids/s")
	b.ReportMetric(loop.Seconds()/bulk.Seconds(), "bulk/loop")
}

// banInLoop is what a program without Bulk would do.
func banInLoop(b *testing.B, client *rcuser.Client, ids []string) {
	batches := make(chan []string)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for batch := range batches {
				if err := client.Bans.Add(b.Context(), batch, time.Hour); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for batch := range slices.Chunk(ids, 20) {
		batches <- batch
	}
	close(batches)
	group.Wait()
}
