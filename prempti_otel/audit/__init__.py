"""The audit trail: what is recorded, where it is kept, and how it is checked.

with Store.open(home) as store:
    store.append(decision_record(call, events, decision, redactor=Redactor.open(home)))
with StoreReader(home) as reader:
    for record in reader.records(after_seq=0): ...

Imports nothing: who reads the trail starts without what writes it.
"""
