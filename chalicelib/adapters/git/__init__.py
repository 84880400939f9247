"""Git servers over smart HTTP, without git: what a ref means, and a few files of a commit.

source ──► sessions   one repository on one server: discover, list refs, fetch (protocol 2, else 0)
   │          ├──► pktline      the frames of the protocol
   │          └──► http         one request: checked addresses, a deadline for everything, limits
   ├──► packs     the objects of a fetch, whatever a server sends: bounded in size, count and memory
   ├──► trees     from a commit to a file, links followed
   └──► credentials

No library is used: those there are inflate what a pack says it holds, without a limit of the caller's.
"""
