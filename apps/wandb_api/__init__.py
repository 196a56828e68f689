"""The door for the unmodified `wandb` client: GraphQL on /graphql, and its REST addresses.

A request passes `auth.door` (key, policy, errors), `documents.read` (parsed once, refused when it
is hostile), and `executor.execute`, which walks the selected fields over the classes in `types`.
What the client asks for and we do not have is answered with null and noted in `unknown`, so that a
newer client goes on; see `manage.py wandb_wishes`.

To add something:

* A type: a subclass of `schema.Node` in `types/<part>.py` with `NAME` and methods marked
  `@field`. A method's name is the wire's in snake_case (`display_name` answers `displayName`,
  `run_id` both `runID` and `runId`); its keyword arguments likewise, their annotations are
  checked. What a method costs, it costs only when its field is selected. For what a list must read
  in one query, `self.together(load)`: `load`, a function of a module, gets the rows of the whole
  list and returns values by primary key.
* A field on a type of another part: `@field_of("Run")` on a function whose first argument is the
  node. Fields of the root: `@field_of("Query")`, where the node has nothing but its `context`.
* A mutation: `@mutation` on a function in `mutations/<part>.py` that takes the `context` and the
  keys of `input` as keyword arguments. It returns a node or a dict by wire names (its payload).
* A list: `connections.connect(...)` over a queryset, or `connections.whole(...)` for a short one.
* Input objects inside of arguments: annotate `Mapping[str, Any]` and read it through
  `context.read(given, "TypeName", "wireName", ...)`, which notes the keys that are not known.

Then name the module in `types/__init__.py` or `mutations/__init__.py`. Addresses beside /graphql go
into a list `urlpatterns` of a module named in `urls.PARTS`; each view is wrapped in `auth.door`.

Places: `context.access(entity, project)` gives the policy's Access (None: the default team);
`places.project(...)` knows the registry's project names. Ids come from `ids.encode(kind, pk)` and
are no rights: what they name is looked up among what the caller may see.
"""
