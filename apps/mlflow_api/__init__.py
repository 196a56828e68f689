"""What the unmodified `mlflow` client asks, answered out of the same store as the pages.

An endpoint is a function below `views`, bound by one decorator:

    @endpoint("POST", "registered-models/create", Action.LINK)
    def create_registered_model(call: Call) -> Message:
        access = call.home()
        name = call.params.text("name", required=True)
        ...one service...
        return {"registered_model": model_message(...)}

- `endpoint` binds it under every spelling of the address (`/api/2.0`, `/api/3.0`, `/ajax-api/…`),
  says who is asking, and refuses a key that may not do such a thing. Import a new module of views
  in `urls.py`; a new address parameter also needs a value in the matrix of all routes
  (`tests/web/test_access_matrix.py`, `World.value`).
- `call.home()`, `call.run(id)` and `call.experiment(id)` look a place up among what the caller may
  see and check the endpoint's action there. Whatever else is found by an id of the client (a model,
  a version) must be looked up the same way and go through `call.allowed(access)`.
- `call.params` reads parameters from the query or the JSON body, by saying what each is (`wire`).
- A result is a dict (empty fields are left out by `wire.answer`) or a response. Refusals are
  raised: the domain's own, or one of `errors` where the client acts on the name of the error.
- `search_grammar` parses filters and orders for all five kinds of things that can be searched.
"""
