package main

import (
	"fmt"
	"net/http"
)

// inMemory measures the clients alone: the transport answers at once.
func inMemory(rounds int) {
	sdk, _ := newSDK("https://rc.invalid", memoryTransport{})
	a := newMinimal("https://rc.invalid", memoryTransport{})
	for i, call := range sdk.calls() {
		c := compare(rounds, sequence(a.calls()[i].do), sequence(call.do))
		fmt.Printf("in memory, %-10s time %.2f of A, allocations %.2f of A (%d)\n", call.name, c.time, c.allocs, c.result.AllocsPerOp())
	}
}

// overPipes adds net/http's transport and server, connected by in-memory pipes instead of a network.
func overPipes(rounds int) {
	listener := newPipeListener()
	server := &http.Server{Handler: http.HandlerFunc(serve)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	newTransport := func() *http.Transport {
		t := plainTransport()
		t.DialContext = listener.dial
		return t
	}
	sdk, _ := newSDK("http://127.0.0.1", newTransport())
	a := newMinimal("http://127.0.0.1", newTransport())
	for i, call := range sdk.calls() {
		c := compare(rounds, sequence(a.calls()[i].do), sequence(call.do))
		fmt.Printf("over pipes, %-9s time %.2f of A, allocations %.2f of A (%d, the server's included)\n", call.name, c.time, c.allocs, c.result.AllocsPerOp())
	}
}
