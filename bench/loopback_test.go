package main

import "testing"

func BenchmarkLoopback(b *testing.B) {
	base, stop := listen(nil)
	defer stop()
	sdk, owner := newSDK(base, nil)
	defer owner.CloseIdleConnections()
	for _, c := range []client{newMinimal(base, plainTransport()), sdk} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			parallel(8, b.N, c.online)
		})
	}
}
