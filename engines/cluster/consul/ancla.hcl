# What Ancla itself may do in Consul: register services, keep its own keys, and make a token for each service, with which the agent
# then keeps that one registration.

service_prefix "" {
  policy = "write"
}

key_prefix "ancla/" {
  policy = "write"
}

# Whoever may make tokens may make one for everything: Consul draws no finer line. Keep this token as you keep the management token.
acl = "write"
