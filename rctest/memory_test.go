package rctest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

const mebi = 1 << 20

// heapGrowth returns by how many bytes the heap in use has grown once f has run. What keep refers to stays in use. The test
// must not be parallel, as the heap is that of all tests.
func heapGrowth(keep any, f func()) int {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(keep)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

// formReader is an endless form of user ids.
type formReader struct{}

func (formReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "userId=a&"[i%9]
	}
	return len(p), nil
}

// attacks are requests whose sender doesn't know the secret. Each call makes new strings of 32 KiB.
var attacks = map[string]func(f *fake) *http.Request{
	"body": func(f *fake) *http.Request { return f.request(blockPath, "") },
	"header": func(f *fake) *http.Request {
		req := f.request(blockPath, "")
		req.Header.Set("X-Long", strings.Repeat("h", 32<<10))
		req.Header.Set("X-Request-ID", strings.Repeat("i", 32<<10))
		return req
	},
	"path": func(f *fake) *http.Request {
		return f.request("/"+strings.Repeat("p", 32<<10), "")
	},
	"query": func(f *fake) *http.Request {
		req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.base+blockPath+"?"+strings.Repeat("q", 32<<10), nil)
		require.NoError(f.t, err)
		return req
	},
	"method": func(f *fake) *http.Request {
		req := f.request(blockPath, "")
		req.Method = strings.Repeat("M", 32<<10)
		return req
	},
	"host": func(f *fake) *http.Request {
		req := f.request(blockPath, "")
		req.Host = strings.Repeat("h", 32<<10)
		return req
	},
	"key": func(f *fake) *http.Request {
		req := f.request(blockPath, "")
		req.Header.Set("App-Key", strings.Repeat("k", 32<<10))
		return req
	},
}

// The size of what is sent doesn't matter: only a line is kept of each request. 10,000 of them fit into 10 MiB.
func TestUnsignedRequestsLeaveOnlyALine(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.Inject(rctest.Fault{UserID: "b", Code: 1000, Times: rctest.Always}) // needs the ids in every body
			w := httptest.NewRecorder()
			grown := heapGrowth(f, func() {
				for range 1000 {
					req := attack(f)
					req.Header.Set("Signature", "00")
					req.Body = io.NopCloser(io.LimitReader(formReader{}, 32<<10))
					w.Body.Reset()
					f.ServeHTTP(w, req)
				}
			})
			require.Less(t, grown, 10*mebi/10)
			got := f.Requests()
			require.Len(t, got, 1000)
			require.Nil(t, got[999].Header)
			require.Nil(t, got[999].Form)
			require.NotEmpty(t, got[999].Reason)
			require.LessOrEqual(t, len(got[999].Host+got[999].Method+got[999].Path), 3*256+9)
			require.Empty(t, strings.Trim(got[999].Reason, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 :,?'-"))
		})
	}
}

// Bodies of 1 MiB, with and without a fault that answers in the server's place.
func TestUnsignedBodiesArentKept(t *testing.T) {
	for _, fault := range []rctest.Fault{{}, {Code: 1008, Times: rctest.Always}} {
		f := setup(t)
		if fault.Code != 0 {
			f.Inject(fault) // answers without a check: the sender is unknown all the same
		}
		grown := heapGrowth(f, func() {
			for range 500 {
				req := f.request(blockPath, "")
				req.Header.Del("App-Key")
				req.Body = io.NopCloser(io.LimitReader(formReader{}, mebi))
				f.do(req)
			}
		})
		require.Less(t, grown, mebi)
		require.Nil(t, f.Requests()[499].Form)
	}
}

// An unsigned body isn't even held in memory while it is read.
func TestUnsignedBodiesArentHeld(t *testing.T) {
	f := setup(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		req := f.request(blockPath, "")
		req.Header.Del("App-Key")
		req.Body = io.NopCloser(io.LimitReader(formReader{}, mebi))
		f.do(req)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, int(after.TotalAlloc-before.TotalAlloc), 100*mebi/10)
}

// What a client with the right secret sends is kept, but no more than 64 MiB of it. The estimate of what a request takes
// must not be far below what it takes.
func TestRequestsByteBudget(t *testing.T) {
	long := strings.Repeat("x", 20)
	for name, form := range map[string]string{
		"one large field":   "userId=a&minute=1&x=" + strings.Repeat("x", mebi-100),
		"escaped":           "userId=a&minute=1&x=" + strings.Repeat("%41", mebi/3-100),
		"semicolons":        "userId=a&minute=1&x=" + strings.Repeat(";", mebi-100),
		"many small fields": manyFields(5000, func(i int) string { return fmt.Sprint("f", i, "=") }),
		"many values":       manyFields(9000, func(int) string { return "x=" + long }),
		"ordinary calls":    "userId=a&minute=1",
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			grown := heapGrowth(f, func() {
				for range 150 {
					f.call(blockPath, form)
				}
			})
			require.Less(t, grown, 70*mebi)
			t.Logf("%d requests take %.1f MiB", len(f.Requests()), float64(grown)/mebi)
		})
	}
}

func manyFields(n int, field func(i int) string) string {
	var form strings.Builder
	form.WriteString("userId=a&minute=1")
	for i := range n {
		form.WriteString("&" + field(i))
	}
	return form.String()
}

// The oldest go first, and the latest is kept.
func TestRequestsByteBudgetKeepsTheLatest(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.LimitBytes(640 << 10)
	f.call(blockPath, banForm)
	for range 100 {
		f.call(blockPath, "userId=large&minute=1&x="+strings.Repeat("x", 10<<10))
	}
	f.call(blockPath, banForm)
	got := f.Requests()
	require.Less(t, len(got), 65)
	require.Greater(t, len(got), 20)
	require.EqualValues(t, 102, got[len(got)-1].Seq)
	require.Equal(t, "a", got[len(got)-1].Form.Get("userId"))
	require.Equal(t, "large", got[0].Form.Get("userId"))

	f.call(blockPath, "userId=larger&minute=1&x="+strings.Repeat("x", mebi-100))
	require.Len(t, f.Requests(), 1, "even if it alone exceeds the budget")
}

// A call of a known client keeps what it needs and not the query of its URL.
func TestRequestsDontKeepTheQuery(t *testing.T) {
	f := setup(t)
	f.usePort(f.Listen())
	grown := heapGrowth(f, func() {
		for range 300 {
			req := f.request(blockPath, banForm)
			req.URL.RawQuery = strings.Repeat("q", 256<<10)
			require.Equal(t, 200, f.do(req).code())
		}
	})
	require.Less(t, grown, 10*mebi)
	require.Equal(t, url.Values{"userId": {"a"}, "minute": {"5"}}, f.Requests()[299].Form)
}

// Deliveries have a budget of their own. What makes them large is the query of the webhook's URL.
func TestDeliveriesByteBudget(t *testing.T) {
	f := setup(t)
	base, _ := startWebhook(t, func(http.ResponseWriter, *http.Request) {})
	f.SetWebhookURL(base + "/?" + strings.Repeat("q", mebi/2))
	grown := heapGrowth(f, func() {
		for i := range 150 {
			f.SetOnline("a", i%2 == 0)
			f.WaitDeliveries()
		}
	})
	require.Less(t, grown, 70*mebi)
	got := f.Deliveries()
	require.Less(t, len(got), 130)
	require.EqualValues(t, 150, got[len(got)-1].Seq)
	require.Equal(t, 200, got[0].Status)
}
