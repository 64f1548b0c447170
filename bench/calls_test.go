package main

import "testing"

func BenchmarkMemory(b *testing.B) {
	sdk, _ := newSDK("https://rc.invalid", memoryTransport{})
	for _, c := range []client{newMinimal("https://rc.invalid", memoryTransport{}), sdk} {
		for _, call := range c.calls() {
			b.Run(call.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := call.do(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
