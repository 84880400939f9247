# What Ancla itself may do in Vault: keep its entries, and say which service may read which of them. It cannot read a policy, a role
# or an entry of anybody else. (Whoever may write roles can hand out any policy by its name: give Ancla a Vault, or an enterprise
# namespace, in which no policy is worth more than its own.)

path "ancla/data/*" {
  capabilities = ["create", "read", "update"]
}

path "ancla/destroy/*" {
  capabilities = ["update"]
}

path "ancla/metadata/*" {
  capabilities = ["create", "read", "update", "list", "delete"]
}

path "sys/policies/acl/ancla-*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "auth/kubernetes/role/ancla-*" {
  capabilities = ["create", "read", "update", "delete"]
}
