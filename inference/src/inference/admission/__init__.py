"""Admission: may this artefact be served?"""
