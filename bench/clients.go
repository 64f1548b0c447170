package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/f0207b22/rcuser"
)

// client is one side of a comparison, reduced to three calls: one that answers with a token, a small one, and one with 20 ids.
type client struct {
	name               string
	token, online, ban func(context.Context) error
}

func (c client) calls() []call {
	return []call{{"token", c.token}, {"online", c.online}, {"ban of 20", c.ban}}
}

type call struct {
	name string
	do   func(context.Context) error
}

var banIDs = func() (ids []string) {
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("user%04d", i))
	}
	return ids
}()

func newMinimal(base string, transport http.RoundTripper) client {
	m := &minimal{base: base, key: "key", secret: "secret", http: &http.Client{Transport: transport}}
	return client{"A", m.token, m.online, m.ban}
}

// newSDK returns a client with every feature on but the rate limit, which would determine every result. A nil transport
// means the SDK's own. The second result is the client behind the first.
func newSDK(base string, transport http.RoundTripper) (client, *rcuser.Client) {
	cfg := rcuser.Config{
		AppKey: "key", AppSecret: "secret", DataCenter: rcuser.DataCenter{Primary: base}, Limiter: rcuser.NoLimit,
	}
	if transport != nil {
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
	c, err := rcuser.NewClient(cfg)
	if err != nil {
		panic(err)
	}
	user := rcuser.Registration{UserID: "jlk456j5", Name: "Ironman", PortraitURI: "http://abc.com/myportrait.jpg"}
	return client{
		"rcuser",
		func(ctx context.Context) error { _, err := c.Users.Register(ctx, user); return err },
		func(ctx context.Context) error { _, err := c.Presence.Online(ctx, "jlk456j5"); return err },
		func(ctx context.Context) error { return c.Bans.Add(ctx, banIDs, 10*time.Minute) },
	}, c
}

// answers are the examples of RC's documentation, by path.
var answers = map[string][]byte{
	"/user/getToken.json":    []byte(`{"code":200,"userId":"jlk456j5","token":"sfd9823ihufi"}`),
	"/user/checkOnline.json": []byte(`{"code":200,"status":"1"}`),
	"/user/block.json":       []byte(`{"code":200}`),
}

// memoryTransport answers without a connection.
type memoryTransport struct{}

func (memoryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	_ = req.Body.Close()
	body := answers[req.URL.Path]
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: req, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

func serve(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	_, _ = w.Write(answers[r.URL.Path])
}

// plainTransport is net/http's default transport, as A would use it, but without its limit of 2 idle connections a host.
func plainTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 100
	return t
}
