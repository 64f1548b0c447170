module github.com/f0207b22/rcuser/bench

go 1.26.0

require github.com/f0207b22/rcuser v0.0.0

require (
	github.com/gofrs/flock v0.13.2 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/f0207b22/rcuser => ../
