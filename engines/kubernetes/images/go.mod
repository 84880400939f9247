module ancla.dev/engines/images

go 1.24.0
