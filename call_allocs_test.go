//go:build !race

package rcuser_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestAllocations requires exactly these numbers of allocations; the test's transport makes 6 of them. A change may only
// lower them. Entering go-retryablehttp's loop, which a call does only if its first attempt fails, would add to them. It
// isn't parallel, because other tests' allocations would count.
func TestAllocations(t *testing.T) {
	answers := map[string]string{
		"/user/getToken.json":    `{"code":200,"userId":"jlk456j5","token":"sfd9823ihufi"}`,
		"/user/checkOnline.json": `{"code":200,"status":"1"}`,
		"/user/block.json":       `{"code":200}`,
	}
	client, err := rcuser.NewClient(rcuser.Config{
		AppKey: "key", AppSecret: "secret", DataCenter: rcuser.DataCenter{Primary: "https://rc.invalid"}, Limiter: rcuser.NoLimit,
		HTTPClient: &http.Client{Transport: roundTripFunc(func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			body := answers[req.URL.Path]
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{}, Request: req, Body: io.NopCloser(strings.NewReader(body)),
			}, nil
		})},
	})
	require.NoError(t, err)
	user := rcuser.Registration{UserID: "jlk456j5", Name: "Ironman", PortraitURI: "http://abc.com/myportrait.jpg"}
	twenty := manyIDs(20)
	ctx := context.Background()
	for name, call := range map[string]struct {
		allocations float64
		do          func() error
	}{
		"token":     {34, func() error { _, err := client.Users.Register(ctx, user); return err }},
		"online":    {28, func() error { _, err := client.Presence.Online(ctx, "jlk456j5"); return err }},
		"ban of 20": {25, func() error { return client.Bans.Add(ctx, twenty, 10*time.Minute) }},
	} {
		require.NoError(t, call.do())
		got := testing.AllocsPerRun(500, func() { _ = call.do() })
		require.Equal(t, call.allocations, got, name)
	}
}
