package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"

	"github.com/f0207b22/rcuser"
)

// target is the RC app that a command works on.
type target struct {
	client *rcuser.Client
	name   string // for questions and reports; it has the first characters of the app key
	app    string // for journals; differs for every app
	close  func()
}

// connect returns the fake, or the app that the environment names. Nothing is sent to the service.
func (a *app) connect(ctx context.Context) (*target, error) {
	if a.fake {
		client, end, err := connectFake(ctx, a.paced)
		return &target{client, "the fake", "fake", end}, err
	}
	cfg, err := rcuser.ConfigFromEnv()
	if err != nil {
		return nil, asUsageError(err)
	}
	client, err := rcuser.NewClient(cfg)
	if err != nil {
		return nil, asUsageError(err)
	}
	return &target{
		client: client,
		name:   fmt.Sprintf("app %s... (%s)", cfg.AppKey[:min(4, len(cfg.AppKey))], place(cfg.DataCenter)),
		app:    fmt.Sprintf("%x", sha256.Sum256([]byte(cfg.AppKey)))[:16],
		close:  func() {},
	}, nil
}

// place names a data center of the real service, or the host that the environment put in its place.
func place(center rcuser.DataCenter) string {
	for _, known := range []rcuser.DataCenter{rcuser.Beijing, rcuser.Singapore, rcuser.SingaporeB, rcuser.NorthAmerica, rcuser.SaudiArabia} {
		if center.Primary == known.Primary {
			return "real service, " + known.Name
		}
	}
	if base, err := url.Parse(center.Primary); err == nil {
		return base.Host
	}
	return "unknown host"
}
