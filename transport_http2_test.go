package rcuser_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestRefusedOverHTTP2: net/http's transport repeats a request that the server refused, without a limit of its own.
func TestRefusedOverHTTP2(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(net.Conn, uint32){
		"PROTOCOL_ERROR": func(conn net.Conn, stream uint32) { writeFrame(conn, resetStreamFrame, stream, 0, 0, 0, 1) },
		"REFUSED_STREAM": func(conn net.Conn, stream uint32) { writeFrame(conn, resetStreamFrame, stream, 0, 0, 0, 7) },
		"GOAWAY": func(conn net.Conn, _ uint32) {
			writeFrame(conn, goAwayFrame, 0, 0, 0, 0, 0, 0, 0, 0, 0)
			_ = conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, roots, received := http2Server(t, refuse)
			transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
			t.Cleanup(transport.CloseIdleConnections)
			client := overWire(t, base, once, func(c *rcuser.Config) { c.HTTPClient = &http.Client{Transport: transport} })
			rcErr := requireError(t, ban(t.Context(), client))
			require.Equal(t, rcuser.Unknown, rcErr.Outcome)
			require.ErrorContains(t, rcErr, "the server refused the request twice over HTTP/2, without an answer")
			require.EqualValues(t, 2, received.Load())
		})
	}
}

// Types of frames (RFC 9113, section 6) and the flag of a request's last one.
const (
	dataFrame        = 0
	headersFrame     = 1
	resetStreamFrame = 3
	settingsFrame    = 4
	goAwayFrame      = 7
	endStream        = 1
)

// http2Server calls refuse for every request that it has received as a whole, and counts them.
func http2Server(t *testing.T, refuse func(conn net.Conn, stream uint32)) (base string, roots *x509.CertPool, received *atomic.Int32) {
	t.Helper()
	withCertificate := httptest.NewTLSServer(nil)
	t.Cleanup(withCertificate.Close)
	roots = x509.NewCertPool()
	roots.AddCert(withCertificate.Certificate())
	config := &tls.Config{Certificates: withCertificate.TLS.Certificates, NextProtos: []string{"h2"}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	received = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveHTTP2(conn, func(stream uint32) {
				received.Add(1)
				refuse(conn, stream)
			})
		}
	}()
	return "https://" + listener.Addr().String(), roots, received
}

func serveHTTP2(conn net.Conn, onRequest func(stream uint32)) {
	defer func() { _ = conn.Close() }()
	_, err := io.CopyN(io.Discard, conn, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
	writeFrame(conn, settingsFrame, 0)
	for err == nil {
		var head [9]byte
		if _, err = io.ReadFull(conn, head[:]); err != nil {
			return
		}
		_, err = io.CopyN(io.Discard, conn, int64(head[0])<<16|int64(head[1])<<8|int64(head[2]))
		if isRequest := head[3] == dataFrame || head[3] == headersFrame; isRequest && head[4]&endStream != 0 {
			onRequest(binary.BigEndian.Uint32(head[5:]))
		}
	}
}

// writeFrame writes a frame with a short payload.
func writeFrame(conn net.Conn, frameType byte, stream uint32, payload ...byte) {
	head := append([]byte{0, 0, byte(len(payload)), frameType, 0}, binary.BigEndian.AppendUint32(nil, stream)...)
	_, _ = conn.Write(append(head, payload...))
}
