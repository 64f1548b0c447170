package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// overLoopback measures throughput over TCP, with the SDK's own transport.
func overLoopback(rounds int, length time.Duration) {
	base, stop := listen(nil)
	defer stop()
	sdk, client := newSDK(base, nil)
	defer client.CloseIdleConnections()
	transport := plainTransport()
	defer transport.CloseIdleConnections()
	a := newMinimal(base, transport)
	for _, goroutines := range []int{1, 8, 64} {
		fmt.Printf("over loopback, %2d goroutines: throughput %.2f of A\n", goroutines, throughput(rounds, length, goroutines, a, sdk))
	}
}

// maxUses is how often the SDK uses a connection before it opens another.
const maxUses = 79

// throughput returns the second client's calls a second divided by the first one's: the median of the rounds. In a round,
// the two take turns until each has run for about length. A turn is long enough to replace every connection of the SDK's
// once, so that its cost is in every round.
func throughput(rounds int, length time.Duration, goroutines int, first, second client) float64 {
	clients := [2]client{first, second}
	calls := max(goroutines, 8) * maxUses
	turn := func(c client) time.Duration {
		start := time.Now()
		parallel(goroutines, calls, c.online)
		return time.Since(start)
	}
	turn(first) // opens the connections
	turn(second)
	var ratios []float64
	turns := 0
	for range rounds {
		var total [2]time.Duration
		for min(total[0], total[1]) < length {
			turns++
			for i := range clients {
				at := (i + turns) % 2
				total[at] += turn(clients[at])
			}
		}
		ratios = append(ratios, float64(total[0])/float64(total[1]))
	}
	return median(ratios)
}

// listen starts a server on the loopback interface. onConnection, unless nil, is called for every new connection.
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

// connections counts the connections that the SDK opens.
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
