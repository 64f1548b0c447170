package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	roundTrip = 30 * time.Millisecond
	tlsCalls  = 400 // replaces the SDK's connection 5 times, and p99 leaves out only the 4 slowest calls
)

// overTLS shows whether calls wait for the handshakes of new connections. Both clients run at the same time, so that
// they share whatever else slows the machine down.
func overTLS() {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		fmt.Println("over TLS: skipped, as Go ignores SSL_CERT_FILE on", runtime.GOOS)
		return
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(serve))
	server.StartTLS()
	defer server.Close()
	defer trust(server.Certificate())()
	proxy := startDelayProxy(server.Listener.Addr().String(), roundTrip/2)
	defer proxy.close()

	base := "https://" + proxy.address()
	sdk, owner := newSDK(base, nil)
	defer owner.CloseIdleConnections()
	transport := plainTransport()
	defer transport.CloseIdleConnections()
	var group sync.WaitGroup
	var p99 [2]float64
	for i, c := range []client{newMinimal(base, transport), sdk} {
		group.Go(func() { p99[i] = float64(percentile99(latencies(c, tlsCalls))) / float64(roundTrip) })
	}
	group.Wait()
	fmt.Printf("over TLS with 30 ms round trips: p99 %.2f round trips (A %.2f)\n", p99[1], p99[0])
}

// latencies returns how long each of a sequence of calls took.
func latencies(c client, calls int) []time.Duration {
	durations := make([]time.Duration, calls)
	for i := range durations {
		start := time.Now()
		if err := c.online(context.Background()); err != nil {
			panic(err)
		}
		durations[i] = time.Since(start)
	}
	return durations
}

// trust makes this process accept a server's certificate, through the environment, as the SDK's own transport has no setting
// for it. crypto/x509 reads the environment once, when it first verifies a certificate, so trust must come before that.
func trust(certificate *x509.Certificate) (cleanUp func()) {
	file, err := os.CreateTemp("", "bench-*.pem")
	if err != nil {
		panic(err)
	}
	if err := errors.Join(pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), file.Close()); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", file.Name()); err != nil {
		panic(err)
	}
	return func() { _ = os.Remove(file.Name()) }
}
