package rctest_test

import (
	"fmt"
	"net/url"
	"runtime"
	"testing"

	"github.com/f0207b22/rcuser/rctest"
)

func BenchmarkNewServer(b *testing.B) {
	for b.Loop() {
		rctest.NewServer()
	}
}

// The cost of a call must not depend on the number of users, apart from the length of its answer.
func BenchmarkCall(b *testing.B) {
	for _, users := range []int{10, 1_000_000} {
		f := setup(b)
		for i := range users {
			f.SetOnline(fmt.Sprint("u", i), true)
		}
		for i := range users / 20 {
			f.ok(blockPath, idsFrom("userId", 20*i, 20)+fmt.Sprint("&minute=", 1+i%40_000))
		}
		for _, call := range [][2]string{
			{getTokenPath, "userId=u7&name=N"}, {blockPath, "userId=u7&minute=30"}, {blockQueryPath, "page=17&size=50"}, {blockQueryPath, "x=1"},
		} {
			b.Run(fmt.Sprintf("%s/%d", call[0], users), func(b *testing.B) {
				for b.Loop() {
					f.call(call[0], call[1])
				}
			})
		}
	}
}

// The cost of a token must not depend on how many the user has.
func BenchmarkToken(b *testing.B) {
	for _, tokens := range []int{1, 100_000} {
		f := setup(b)
		token := ""
		for range tokens {
			token = f.register("a")
		}
		b.Run(fmt.Sprint("valid/", tokens), func(b *testing.B) {
			for b.Loop() {
				f.ValidToken("a", token)
			}
		})
		b.Run(fmt.Sprint("issue/", tokens), func(b *testing.B) {
			for b.Loop() {
				f.register("a")
			}
		})
	}
}

// BenchmarkMillionUsers reports how much memory a registered user takes.
func BenchmarkMillionUsers(b *testing.B) {
	const users = 1_000_000
	for b.Loop() {
		f := setup(b)
		before := liveHeap()
		for i := range users {
			f.ok(getTokenPath, fmt.Sprintf("userId=user%06d&name=Ann+%d&portraitUri=", i, i)+url.QueryEscape(portraitOf(i)))
		}
		b.ReportMetric(float64(liveHeap()-before)/users, "bytes/user") // with the log of requests
		runtime.KeepAlive(f)
	}
}

// BenchmarkImport reports how long a user takes that is only registered.
func BenchmarkImport(b *testing.B) {
	const users = 10_000
	records := make([]string, users)
	for i := range records {
		records[i] = fmt.Sprintf(`{"id":"user%06d","createdAt":1,"name":"Ann %d","portraitUri":"%s"}`, i, i, portraitOf(i))
	}
	saved := exportOf(records...)
	f := setup(b)
	for b.Loop() {
		f.load(saved)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/users, "ns/user")
}
