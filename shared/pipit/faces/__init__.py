"""Faces: found, aligned, embedded, and compared with people who agreed to be known.

    picture -> FaceFinder (landmarks) -> aligned chip -> [embedder] -> vector -> Namer(gallery) -> a name, or unknown

The bundle knows no person. Who is known is a `Gallery`, data that is kept apart from models and sealed at rest.
"""
