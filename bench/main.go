// Bench compares the SDK with a minimal hand-written client, in pairs within one run, and prints ratios.
//
//	cd bench && go run . [-rounds 10] [-time 200ms]
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 10, "rounds, in each of which every client runs once, in turned order")
	length := flag.Duration("time", 200*time.Millisecond, "of one run")
	flag.Parse()
	if err := flag.Set("test.benchtime", length.String()); err != nil {
		panic(err)
	}
	inMemory(*rounds)
	overPipes(*rounds)
	overLoopback(*rounds)
	connections()
}

// contest runs the contestants in turn and returns the median of ours divided by A's, of time and of allocations.
func contest(rounds int, contestants [2]func(*testing.B)) (times, allocs float64, ours testing.BenchmarkResult) {
	var timeRatios, allocRatios []float64
	for round := range rounds {
		var results [2]testing.BenchmarkResult
		for i := range contestants {
			at := (i + round) % 2
			results[at] = testing.Benchmark(contestants[at])
		}
		perOp := func(r testing.BenchmarkResult) float64 { return float64(r.T) / float64(r.N) }
		timeRatios = append(timeRatios, perOp(results[1])/perOp(results[0]))
		allocRatios = append(allocRatios, float64(results[1].AllocsPerOp())/float64(results[0].AllocsPerOp()))
		ours = results[1]
	}
	return median(timeRatios), median(allocRatios), ours
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

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

func parallel(goroutines int, do func(context.Context) error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		var group sync.WaitGroup
		var next atomic.Int64
		for range goroutines {
			group.Go(func() {
				for int(next.Add(1)) <= b.N {
					if err := do(context.Background()); err != nil {
						panic(err)
					}
				}
			})
		}
		group.Wait()
	}
}

func inMemory(rounds int) {
	sdk, _ := newSDK("https://rc.invalid", memory{})
	a := newMinimal("https://rc.invalid", memory{})
	for i, call := range sdk.calls() {
		times, allocs, ours := contest(rounds, [2]func(*testing.B){sequence(a.calls()[i].do), sequence(call.do)})
		fmt.Printf("in memory, %-10s time %.2f of A, allocations %.2f of A (%d)\n", call.name, times, allocs, ours.AllocsPerOp())
	}
}

// overPipes uses net/http's transport on connections without a network.
func overPipes(rounds int) {
	listener := newPipes()
	server := &http.Server{Handler: http.HandlerFunc(serve)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	transport := func() *http.Transport {
		t := usual()
		t.DialContext = listener.dial
		return t
	}
	sdk, _ := newSDK("http://127.0.0.1", transport())
	a := newMinimal("http://127.0.0.1", transport())
	for i, call := range sdk.calls() {
		times, allocs, ours := contest(rounds, [2]func(*testing.B){sequence(a.calls()[i].do), sequence(call.do)})
		fmt.Printf("over pipes, %-9s time %.2f of A, allocations %.2f of A (%d, the server's included)\n", call.name, times, allocs, ours.AllocsPerOp())
	}
}

// usual is net/http's default transport, which A would use, but for its limit of 2 idle connections a host.
func usual() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 100
	return t
}

func overLoopback(rounds int) {
	base, stop := listen(nil)
	defer stop()
	sdk, client := newSDK(base, nil)
	defer client.CloseIdleConnections()
	transport := usual()
	defer transport.CloseIdleConnections()
	a := newMinimal(base, transport)
	for _, goroutines := range []int{1, 8, 64} {
		times, _, _ := contest(rounds, [2]func(*testing.B){parallel(goroutines, a.online), parallel(goroutines, sdk.online)})
		fmt.Printf("over loopback, %2d goroutines: throughput %.2f of A\n", goroutines, 1/times)
	}
}

func listen(onConnection func()) (base string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(serve), ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew && onConnection != nil {
			onConnection()
		}
	}}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }
}

func connections() {
	var count atomic.Int64
	base, stop := listen(func() { count.Add(1) })
	defer stop()
	sdk, client := newSDK(base, nil)
	defer client.CloseIdleConnections()
	for range 1000 {
		if err := sdk.online(context.Background()); err != nil {
			panic(err)
		}
	}
	fmt.Printf("connections for 1000 calls in sequence: %d\n", count.Load())
}
