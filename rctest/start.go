package rctest

import "github.com/f0207b22/rcuser"

// TB is what [Start] needs of a test: a [testing.TB] has it, and so have the test types of most other packages.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start returns a server and a client that uses it. Both end with the test: the client's idle connections are closed, and
// then the server. It ends the test with Fatalf if the options give a configuration that [rcuser.NewClient] refuses.
func Start(t TB, opts ...Option) (*Server, *rcuser.Client) {
	t.Helper()
	srv := NewServer(opts...)
	t.Cleanup(srv.Close)
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		t.Fatalf("rctest: Start: %v", err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return srv, client
}
