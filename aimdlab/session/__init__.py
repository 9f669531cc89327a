"""The session: what was measured, written so that nothing is lost and nothing can change unseen.

While it runs a session is a folder (:class:`aimdlab.session.folder.SessionFolder`); at the end it is sealed into one
HDF5 file (:func:`aimdlab.session.seal.seal`). :func:`aimdlab.session.reader.open_session` reads either. The format is
written down in ``docs/session-format.md``.
"""
