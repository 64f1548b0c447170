package rcuser_test

import (
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
)

// BenchmarkBulkMemory streams b.N ids through Bulk.Ban and reports the largest live heap seen. 10,000,000 of them:
//
//	go test -run '^$' -bench BulkMemory -benchtime 10000000x
func BenchmarkBulkMemory(b *testing.B) {
	config := rcuser.Config{
		AppKey: "key", AppSecret: "secret", DataCenter: rcuser.DataCenter{Primary: "https://rc.invalid"}, Limiter: rcuser.NoLimit,
	}
	config.HTTPClient = &http.Client{Transport: tripper(reply(200, success))}
	client, err := rcuser.NewClient(config)
	if err != nil {
		b.Fatal(err)
	}
	var largest atomic.Uint64
	next := time.Now()
	ids := func(yield func(string) bool) {
		for id := range streamed(b.N) {
			if now := time.Now(); now.After(next) {
				next = now.Add(time.Second)
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				largest.Store(max(largest.Load(), m.HeapAlloc))
			}
			if !yield(id) {
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
