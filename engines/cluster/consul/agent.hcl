# What the agent needs to keep its own node in the catalog, and to read what is registered at it.

node_prefix "" {
  policy = "write"
}

service_prefix "" {
  policy = "read"
}
